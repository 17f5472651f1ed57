import { describe, expect, test } from "vitest";

import { BUCKETS } from "./model.ts";
import type { Track } from "./model.ts";
import { addResidual, quantileOf, shareAbove, upperBound } from "./residuals.ts";

/** Nothing fades, so that errors can be counted. */
const RATES = { fade: 1, hour: 0.1, all: 0.1, level: 0 };
/** Of the buckets that hold an error of one, up or down: sinh(2) / 4 and sinh(2.2) / 4. */
const NEAR = 0.906_715;
const FAR = 1.114_276;

/** A track that has seen these errors, in units of the usual error (of `scale` GPUs). */
function seen(errors: readonly number[], scale = 1): Track {
  const track = {
    histogram: new Float64Array(BUCKETS),
    byHour: new Float64Array(24).fill(Number.NaN),
    figures: Float64Array.of(Number.NaN, 0.9),
  };
  for (const error of errors) {
    const value = 50 + error * scale;
    addResidual(track, { hour: 9, point: 50, scale, bound: Number.NaN, value, mean: 50 }, RATES);
  }
  return track;
}

/** Seven hits, two that came higher by one, one that came lower by one. */
const MIXED = [0, 0, 1, 0, 0, -1, 0, 1, 0, 0];

describe("a forecast that came exactly", () => {
  test.each([0.01, 1, 100])("is no rise, where the usual error is %d GPUs", (scale) => {
    const track = seen([0, 0, 0], scale);
    expect(shareAbove(track, 0)).toBe(0);
    expect(shareAbove(track, 0.05 / scale)).toBe(0);
    expect(upperBound(track, 50, scale)).toBe(50);
  });

  test("is no fall either: all of it lies above whatever is less", () => {
    const track = seen([0, 0, 0]);
    expect(shareAbove(track, -0.06)).toBe(1);
    expect(shareAbove(track, -0.001)).toBe(1);
    expect(quantileOf(track, 0.1)).toBe(0);
  });

  test("may be off by what rounding leaves, and not by more", () => {
    expect(shareAbove(seen([0.009, -0.009]), 0)).toBe(0);
    expect(shareAbove(seen([0.011, 0.02]), 0)).toBe(1);
  });
});

describe("hits and misses together", () => {
  const track = seen(MIXED);

  test.each([
    ["half of the one fall", 0.05, -(NEAR + FAR) / 2],
    ["the one fall", 0.1, -NEAR],
    ["the first hit", 0.11, 0],
    ["the middle", 0.5, 0],
    ["the last hit", 0.8, 0],
    ["half of the two rises", 0.9, (NEAR + FAR) / 2],
    ["all of it", 1, FAR],
  ])("the error at %s (%d)", (_what, share, expected) => {
    expect(quantileOf(track, share)).toBeCloseTo(expected, 5);
  });

  test.each([
    [-2, 1],
    [-(NEAR + FAR) / 2, 0.95],
    [-0.5, 0.9],
    [0, 0.2],
    [0.5, 0.2],
    [(NEAR + FAR) / 2, 0.1],
    [2, 0],
  ])("the share above an error of %d is %d", (residual, expected) => {
    expect(shareAbove(track, residual)).toBeCloseTo(expected, 5);
  });

  test("without any error nothing is known", () => {
    expect(quantileOf(seen([]), 0.9)).toBeNaN();
    expect(shareAbove(seen([]), 0)).toBeNaN();
  });
});
