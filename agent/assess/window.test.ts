import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { GpuSample, Reading, Window } from "../../shared/model/gpu.ts";
import { bytes, celsius, millis, ratio, watts } from "../../shared/model/units.ts";
import type { Ratio } from "../../shared/model/units.ts";
import { createHistory } from "./window.ts";

const INTERVAL = millis(1000);

function sample(utilization: Reading<Ratio>, uuid = "GPU-a"): GpuSample {
  return {
    uuid,
    state: "present",
    utilization,
    memoryUsedBytes: { kind: "value", value: bytes(1024) },
    temperatureCelsius: { kind: "value", value: celsius(40) },
    powerWatts: { kind: "value", value: watts(100) },
  };
}

const value = (share: number): Reading<Ratio> => ({ kind: "value", value: ratio(share) });

function known(window: Window): Extract<Window, { kind: "known" }> {
  expect(window.kind).toBe("known");
  return window as Extract<Window, { kind: "known" }>;
}

describe("createHistory()", () => {
  test("gives mean, maximum and the nearest-rank p95 of a span", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 20; i++) history.add([sample(value(i / 100))], millis(i * 1000));
    const window = known(history.window("GPU-a", "utilization", 60_000, millis(20_000)));
    expect(window.mean).toBeCloseTo(0.105);
    expect(window.max).toBe(0.2);
    expect(window.p95).toBe(0.19);
  });

  test("leaves samples outside the span out", () => {
    const history = createHistory(INTERVAL);
    history.add([sample(value(1))], millis(1000));
    for (let i = 2; i <= 12; i++) history.add([sample(value(0))], millis(i * 1000));
    expect(known(history.window("GPU-a", "utilization", 10_000, millis(12_000))).max).toBe(0);
    expect(known(history.window("GPU-a", "utilization", 60_000, millis(12_000))).max).toBe(1);
  });

  test("covers a span in full when samples are late by half an interval and no sample is missing", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 30; i++) history.add([sample(value(0.5))], millis(i * 1000 + (i % 2) * 450));
    const window = known(history.window("GPU-a", "utilization", 10_000, millis(30_900)));
    expect(window.coverage).toBeCloseTo(1);
    expect(window.ageMs).toBe(900);
  });

  test("a gap lowers the coverage by its length", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 60; i++) if (i <= 50 || i > 54) history.add([sample(value(0))], millis(i * 1000));
    // 5 s between samples 50 and 55, of which one and a half are believed.
    expect(known(history.window("GPU-a", "utilization", 10_000, millis(60_000))).coverage).toBeCloseTo(0.65);
  });

  test("coverage grows from nothing after a start", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 6; i++) history.add([sample(value(0))], millis(100_000 + i * 1000));
    expect(known(history.window("GPU-a", "utilization", 60_000, millis(106_000))).coverage).toBeCloseTo(0.1);
  });

  test("samples that stopped coming age and then are gone", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 20; i++) history.add([sample(value(0.3))], millis(i * 1000));
    const later = known(history.window("GPU-a", "utilization", 10_000, millis(25_000)));
    expect(later.ageMs).toBe(5000);
    expect(later.coverage).toBeCloseTo(0.65);
    expect(history.window("GPU-a", "utilization", 10_000, millis(31_000))).toEqual({
      kind: "unknown",
      because: "no-samples",
    });
  });

  test.each<[Reading<Ratio>["kind"] | "lost" | "nothing", string]>([
    ["unsupported", "unsupported"],
    ["failed", "failed"],
    ["lost", "lost"],
    ["nothing", "no-samples"],
  ])("%s is told apart", (what, because) => {
    const history = createHistory(INTERVAL);
    const failed = { kind: "failed", code: 15 } as const;
    if (what === "unsupported") history.add([sample({ kind: "unsupported", code: 3 })], millis(1000));
    if (what === "failed") history.add([sample(failed)], millis(1000));
    if (what === "lost") history.add([{ ...sample(failed), state: "lost" }], millis(1000));
    expect(history.window("GPU-a", "utilization", 10_000, millis(1000))).toEqual({
      kind: "unknown",
      because,
    });
  });

  test("a failure among values is a gap and no zero", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 10; i++)
      history.add([sample(i === 5 ? { kind: "failed", code: 999 } : value(0.8))], millis(i * 1000));
    const window = known(history.window("GPU-a", "utilization", 10_000, millis(10_000)));
    expect(window.mean).toBeCloseTo(0.8);
    expect(window.coverage).toBeCloseTo(0.9);
  });

  test("keeps 600 s and no more", () => {
    const history = createHistory(INTERVAL);
    for (let i = 1; i <= 5000; i++) history.add([sample(value(i <= 4400 ? 1 : 0))], millis(i * 1000));
    const window = known(history.window("GPU-a", "utilization", 600_000, millis(5_000_000)));
    expect(window.max).toBe(0);
    expect(window.coverage).toBeCloseTo(1);
  });

  test("a cycle that is not newer is left out, and a GPU that left is forgotten", () => {
    const history = createHistory(INTERVAL);
    history.add([sample(value(0.1)), sample(value(0.2), "GPU-b")], millis(1000));
    history.add([sample(value(0.9))], millis(1000));
    expect(known(history.window("GPU-a", "utilization", 10_000, millis(1000))).max).toBe(0.1);
    history.keepOnly(["GPU-a"]);
    expect(history.window("GPU-b", "utilization", 10_000, millis(1000))).toEqual({
      kind: "unknown",
      because: "no-samples",
    });
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
            history.add([sample(value(percent / 100))], millis(at));
            seen.push({ at, share: percent / 100 });
          }
          const now = at + ageMs;
          const inSpan = seen.filter((one) => one.at > now - 60_000).map((one) => one.share);
          const window = history.window("GPU-a", "utilization", 60_000, millis(now));
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
