import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { readingsOf, writeCode } from "../../shared/model/gpu-readings.ts";
import type { GpuSample, Window } from "../../shared/model/gpu.ts";
import { NOT_SUPPORTED } from "../../shared/model/nvml-status.ts";
import { millis } from "../../shared/model/units.ts";
import { aGpu, aLostGpu, aSample } from "../../test/build/gpu.ts";
import { createHistory } from "./window.ts";
import type { History } from "./window.ts";

const INTERVAL = millis(1000);
const GPUS = [aGpu(0), aGpu(1)];

const value = (utilization: number): GpuSample => aSample(0, { utilization });

/** Everything is read but the utilisation, which answers with this code. */
function without(code: number): GpuSample {
  const readings = readingsOf({ memoryUsed: 1024, temperature: 40, power: 100 });
  writeCode(readings, "utilization", code);
  return aSample(0, {}, { readings });
}

function add(history: History, sample: GpuSample, atMs: number): void {
  history.add([sample], GPUS, millis(atMs));
}

function known(window: Window): Extract<Window, { kind: "known" }> {
  expect(window.kind).toBe("known");
  return window as Extract<Window, { kind: "known" }>;
}

describe("createHistory()", () => {
  test("gives mean, maximum and the nearest-rank p95 of a span", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 20; i++) add(history, value(i / 100), i * 1000);
    const window = known(history.window("GPU-0", "utilization", 60_000, millis(20_000)));
    expect(window.mean).toBeCloseTo(0.105);
    expect(window.max).toBe(0.2);
    expect(window.p95).toBe(0.19);
  });

  test("leaves samples outside the span out", () => {
    const history = createHistory(INTERVAL);
    add(history, value(1), 1000);
    for (let i = 2; i <= 12; i++) add(history, value(0), i * 1000);
    expect(known(history.window("GPU-0", "utilization", 10_000, millis(12_000))).max).toBe(0);
    expect(known(history.window("GPU-0", "utilization", 60_000, millis(12_000))).max).toBe(1);
  });

  test("covers a span in full when samples are late by half an interval and no sample is missing", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 30; i++) add(history, value(0.5), i * 1000 + (i % 2) * 450);
    const window = known(history.window("GPU-0", "utilization", 10_000, millis(30_900)));
    expect(window.coverage).toBeCloseTo(1);
    expect(window.ageMs).toBe(900);
  });

  test("a gap lowers the coverage by its length", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 60; i++) if (i <= 50 || i > 54) add(history, value(0), i * 1000);
    // 5 s between samples 50 and 55, of which one and a half are believed.
    expect(known(history.window("GPU-0", "utilization", 10_000, millis(60_000))).coverage).toBeCloseTo(0.65);
  });

  test("coverage grows from nothing after a start", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 6; i++) add(history, value(0), 100_000 + i * 1000);
    expect(known(history.window("GPU-0", "utilization", 60_000, millis(106_000))).coverage).toBeCloseTo(0.1);
  });

  test("samples that stopped coming age and then are gone", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 20; i++) add(history, value(0.3), i * 1000);
    const later = known(history.window("GPU-0", "utilization", 10_000, millis(25_000)));
    expect(later.ageMs).toBe(5000);
    expect(later.coverage).toBeCloseTo(0.65);
    expect(history.window("GPU-0", "utilization", 10_000, millis(31_000))).toEqual({
      kind: "unknown",
      because: "no-samples",
    });
  });

  test.each<[string, GpuSample | null, string]>([
    ["a card that cannot tell", without(NOT_SUPPORTED), "unsupported"],
    ["a call that failed", without(999), "failed"],
    ["a card that has left the bus", aLostGpu(0), "lost"],
    ["what was not asked yet", aSample(0, {}), "no-samples"],
    ["no sample at all", null, "no-samples"],
  ])("%s is told apart", (_, sample, because) => {
    const history = createHistory(INTERVAL);
    if (sample !== null) add(history, sample, 1000);
    expect(history.window("GPU-0", "utilization", 10_000, millis(1000))).toEqual({
      kind: "unknown",
      because,
    });
  });

  test("a failure among values is a gap and no zero", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 10; i++) add(history, i === 5 ? without(999) : value(0.8), i * 1000);
    const window = known(history.window("GPU-0", "utilization", 10_000, millis(10_000)));
    expect(window.mean).toBeCloseTo(0.8);
    expect(window.coverage).toBeCloseTo(0.9);
  });

  test("keeps 600 s and no more", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 5000; i++) add(history, value(i <= 4400 ? 1 : 0), i * 1000);
    const window = known(history.window("GPU-0", "utilization", 600_000, millis(5_000_000)));
    expect(window.max).toBe(0);
    expect(window.coverage).toBeCloseTo(1);
  });

  test("a cycle that is not newer is left out, and a GPU that left is forgotten", () => {
    const history = createHistory(INTERVAL);
    history.add([value(0.1), aSample(1, { utilization: 0.2 })], GPUS, millis(1000));
    add(history, value(0.9), 1000);
    expect(known(history.window("GPU-0", "utilization", 10_000, millis(1000))).max).toBe(0.1);
    history.keepOnly(["GPU-0"]);
    expect(history.window("GPU-1", "utilization", 10_000, millis(1000))).toEqual({
      kind: "unknown",
      because: "no-samples",
    });
  });

  test("keeps each field of a sample apart", () => {
    const history = createHistory(INTERVAL);
    const values = { memoryUsed: 1024, temperature: 40, power: 100, gpmSmActive: 0.7, gpmTensorActive: 0.2 };
    add(history, aSample(0, { utilization: 0.9, ...values }), 1000);
    const fields = ["utilization", "memoryUsed", "temperature", "power", "smActive", "tensorActive"] as const;
    expect(fields.map((field) => known(history.window("GPU-0", field, 10_000, millis(1000))).max)).toEqual([
      0.9, 1024, 40, 100, 0.7, 0.2,
    ]);
  });

  test.each([
    [200, 1],
    [1_000, 1],
    [4_000, 1],
    [5_000, 4 / 5],
    [10_000, 4 / 10],
    [30_000, 4 / 30],
    [60_000, 4 / 60],
  ])("looking each %d ms sees %d of ten minutes, however steadily", (intervalMs, share) => {
    const history = createHistory(millis(intervalMs));
    const looks = 1_200_000 / intervalMs;
    for (let i = 1; i <= looks; i++) add(history, value(0), i * intervalMs);
    const window = known(history.window("GPU-0", "utilization", 600_000, millis(1_200_000)));
    expect(window.coverage).toBeCloseTo(share, 2);
  });

  test("an agent that looks each 10 s or less often never has the last 10 s covered, at whatever moment", () => {
    const covered = (intervalMs: number): number => {
      const history = createHistory(millis(intervalMs));
      for (let i = 1; i <= 20; i++) add(history, value(0), i * intervalMs);
      const coverages = Array.from({ length: 600 }, (_, i) => {
        const now = millis(20 * intervalMs + (i * intervalMs) / 600);
        const window = history.window("GPU-0", "utilization", 10_000, now);
        return window.kind === "known" ? window.coverage : 0;
      });
      return Math.max(...coverages);
    };
    for (const intervalMs of [10_000, 15_000, 60_000]) expect(covered(intervalMs)).toBeLessThan(0.9);
    expect(covered(4_000)).toBe(1);
  });

  test("two samples under one UUID are of two GPUs, and the idle one does not hide the other", () => {
    const history = createHistory(INTERVAL);
    history.add([value(0), value(0.9)], GPUS, millis(1000));
    expect(history.window("GPU-0", "utilization", 10_000, millis(1000))).toEqual({
      kind: "unknown",
      because: "failed",
    });
    add(history, value(0.2), 2000);
    expect(known(history.window("GPU-0", "utilization", 10_000, millis(2000)))).toMatchObject({
      max: 0.2,
      coverage: 0.1,
    });
  });

  test("a GPU that comes back under another index keeps its own windows", () => {
    const history = createHistory(INTERVAL);
    history.add([aSample(0, { utilization: 0.1 }), aSample(1, { utilization: 0.8 })], GPUS, millis(1000));
    const swapped = [aGpu(1, { index: 0 }), aGpu(0, { index: 1 })];
    history.add([aSample(1, { utilization: 0.9 }), aSample(0, { utilization: 0.2 })], swapped, millis(2000));
    expect(known(history.window("GPU-0", "utilization", 10_000, millis(2000))).max).toBe(0.2);
    expect(known(history.window("GPU-1", "utilization", 10_000, millis(2000))).max).toBe(0.9);
  });

  test("for any readings and gaps, the numbers lie within what was read and coverage within 0 and 1", () => {
    const step = fc.record({
      gapMs: fc.integer({ min: 200, max: 20_000 }),
      percent: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 0, max: 30_000 }),
        (steps, ageMs) => {
          const history = createHistory(INTERVAL);
          let at = 0;
          const seen: { at: number; share: number }[] = [];
          for (const { gapMs, percent } of steps) {
            at += gapMs;
            add(history, value(percent / 100), at);
            seen.push({ at, share: percent / 100 });
          }
          const now = at + ageMs;
          const inSpan = seen.filter((one) => one.at > now - 60_000).map((one) => one.share);
          const window = history.window("GPU-0", "utilization", 60_000, millis(now));
          if (inSpan.length === 0) return window.kind === "unknown";
          if (window.kind !== "known") return false;
          const low = Math.min(...inSpan);
          return (
            window.max === Math.max(...inSpan) &&
            window.p95 >= low &&
            window.p95 <= window.max &&
            window.mean >= low - 1e-9 &&
            window.mean <= window.max + 1e-9 &&
            window.coverage > 0 &&
            window.coverage <= 1 &&
            window.ageMs === ageMs
          );
        },
      ),
    );
  });
});
