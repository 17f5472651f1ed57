import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { slopeOf } from "./slope.ts";
import type { Point } from "./slope.ts";

const SEED = 20_260_712;
const POINTS = 150;
const TRIALS = 400;

/** Each value keeps `kept` of the one before it, beside a line of slope `slope`. */
function noisy(random: Random, slope: number, kept: number): readonly Point[] {
  let rest = 0;
  // What came before the first value has its share too.
  for (let i = 0; i < 200; i++) rest = kept * rest + random() - 0.5;
  return Array.from({ length: POINTS }, (_, at) => {
    rest = kept * rest + random() - 0.5;
    return { at, value: 70 + slope * at + rest };
  });
}

/** Share of the trials in which the true slope is at most two errors away from the one found. */
function covered(slope: number, kept: number): number {
  const random = seededRandom(SEED);
  let within = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const { perUnit, error } = slopeOf(noisy(random, slope, kept));
    if (Math.abs(perUnit - slope) <= 2 * error) within++;
  }
  return within / TRIALS;
}

describe("slopeOf", () => {
  test("a line without noise has its slope and no error", () => {
    const points = [0, 1, 2, 3].map((at) => ({ at, value: 4 - 0.5 * at }));
    expect(slopeOf(points)).toEqual({ perUnit: -0.5, error: 0, autocorrelation: 0 });
    expect(slopeOf([5, 6, 7].map((at) => ({ at, value: 88 })))).toMatchObject({ perUnit: 0, error: 0 });
  });

  test("the instants' unit is the slope's", () => {
    const points = [0, 0.25, 0.5].map((at) => ({ at, value: 10 + 8 * at }));
    expect(slopeOf(points).perUnit).toBeCloseTo(8, 10);
  });

  test("the error of values that alternate is the one of the textbook", () => {
    const points = [1, -1, 1, -1, 1, -1, 1, -1, 1].map((value, at) => ({ at, value }));
    const { perUnit, error, autocorrelation } = slopeOf(points);
    expect(perUnit).toBeCloseTo(0, 10);
    expect(autocorrelation).toBe(0);
    // Squares of the residuals: 9 − 9 × (1/9)²; squares of the instants around 4: 60.
    expect(error).toBeCloseTo(Math.sqrt(80 / 9 / 7 / 60), 10);
  });

  test(`values of which each stands for itself: two errors cover the true slope (seed ${SEED})`, () => {
    expect(covered(0.01, 0)).toBeGreaterThan(0.92);
  });

  test(`values that hang together: two errors still cover it (seed ${SEED})`, () => {
    expect(covered(0.01, 0.8)).toBeGreaterThan(0.88);
    expect(covered(0, 0.5)).toBeGreaterThan(0.9);
  });

  test(`how much they hang together is found (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const found = Array.from({ length: 50 }, () => slopeOf(noisy(random, 0, 0.8)).autocorrelation);
    const mean = found.reduce((total, one) => total + one, 0) / found.length;
    expect(mean).toBeGreaterThan(0.75);
    expect(mean).toBeLessThan(0.85);
  });

  test("too few points, or all at one instant, say nothing", () => {
    expect(slopeOf([]).perUnit).toBeNaN();
    expect(
      slopeOf([
        { at: 0, value: 1 },
        { at: 1, value: 2 },
      ]).error,
    ).toBeNaN();
    expect(slopeOf([1, 2, 3].map((value) => ({ at: 7, value }))).perUnit).toBeNaN();
  });
});
