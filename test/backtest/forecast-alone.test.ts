// Losses by themselves, on demands whose losses can be worked out by hand.

import { expect, test } from "vitest";

import { forecastAlone } from "./forecast-alone.ts";
import type { LoadedWorkload } from "./workloads.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = DAY_MS / 24;

function loadOf(gpusAt: (hour: number) => number, days: number): LoadedWorkload {
  const steps = Array.from({ length: 24 * days }, (_, hour) => ({
    atMs: hour * HOUR_MS,
    gpus: gpusAt(hour),
  }));
  return {
    title: "test",
    kind: "services",
    fromMs: 0,
    toMs: days * DAY_MS,
    window: () => ({ jobs: [], services: [] }),
    demand: (fromMs, toMs) => steps.filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
    dropped: [],
  };
}

const dayAt = (day: number) => ({ fromMs: day * DAY_MS, toMs: (day + 1) * DAY_MS });

test("one GPU more each day: each rival loses what it is late by", () => {
  const found = forecastAlone(
    loadOf((hour) => 1 + Math.floor(hour / 24), 16),
    [dayAt(15)],
  );
  // The errors of the rivals never change, so that their p10 and p90 hit, and a third of the loss is that of the p50.
  expect(found?.judged).toBe(288);
  expect(found?.losses["day-ago"].mape).toBeCloseTo(1 / 16, 9);
  expect(found?.losses["day-ago"].weightedQuantile).toBeCloseTo(1 / 16 / 3, 9);
  expect(found?.losses["week-ago"].mape).toBeCloseTo(7 / 16, 9);
  expect(found?.losses["week-ago"].weightedQuantile).toBeCloseTo(7 / 16 / 3, 9);
  // Wrong in the seven bins that begin less than half an hour and a bin after midnight.
  expect(found?.losses["as-now"].mape).toBeCloseTo(7 / 288 / 16, 9);
});

test("against a week that repeats itself there is no skill", () => {
  const found = forecastAlone(
    loadOf((hour) => 5 + ((hour % 168) % 31), 22),
    [dayAt(20), dayAt(21)],
  );
  expect(found?.losses["week-ago"]).toEqual({ weightedQuantile: 0, mape: 0 });
  expect(found?.losses["day-ago"].mape).toBeGreaterThan(0);
  expect(found?.skill).toBe(false);
});

test("a level that moves once a day is known better than a day and a week ago", () => {
  const found = forecastAlone(
    loadOf((hour) => 20 + 7 * (Math.floor(hour / 24) % 5), 18),
    [dayAt(16)],
  );
  expect(found?.skill).toBe(true);
});

test("bins without demand do not count for the relative error", () => {
  const found = forecastAlone(
    loadOf((hour) => (hour % 48 < 24 ? 0 : 4), 17),
    [dayAt(15), dayAt(16)],
  );
  // A day ago is wrong by all of it in both days; of the one with demand that is an error of 1.
  expect(found?.losses["day-ago"].mape).toBe(1);
});

test("with less than a week before the window, and without demand, there is nothing to say", () => {
  expect(
    forecastAlone(
      loadOf(() => 4, 10),
      [dayAt(3)],
    ),
  ).toBeNull();
  expect(
    forecastAlone(
      loadOf(() => 0, 16),
      [dayAt(15)],
    ),
  ).toBeNull();
});
