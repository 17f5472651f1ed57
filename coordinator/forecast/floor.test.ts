import { describe, expect, test } from "vitest";

import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { DAY_MS, HOUR_MS, instant, localTime, teach } from "../../test/build/load.ts";
import { floorOf } from "./floor.ts";
import { createForecaster } from "./forecaster.ts";
import type { Forecaster } from "./forecaster.ts";

const BIN = 5 * 60_000;
const ZONE = "Europe/Vienna";
// A Monday, local midnight.
const START = instant("2026-01-04T23:00:00Z");
const BOOT = millis(10 * 60_000);
const HOLD = millis(30 * 60_000);
const ASK = { nodes: 0, gpusPerNode: 8, confidenceThreshold: ratio(0.7), preWarmThreshold: ratio(0.7) };

function training(at: number): number {
  const { weekday, hour } = localTime(ZONE, at);
  return weekday >= 1 && weekday <= 5 && hour >= 9 && hour < 12 ? 32 : 0;
}

function taught(days: number): Forecaster {
  const forecaster = createForecaster({ timeZone: ZONE, horizonsMinutes: [30, 60] });
  teach(forecaster, START, epochMs(START + days * DAY_MS), BIN, training);
  return forecaster;
}

function nodesAt(forecaster: Forecaster, now: EpochMs, ask: object = {}): number {
  const forecast = forecaster.forecast(now, { lead: BOOT, hold: HOLD });
  return forecast.kind === "forecast" && forecast.earned
    ? (floorOf(forecast, { ...ASK, ...ask })?.nodes ?? 0)
    : 0;
}

describe("training on weekdays at 09:00", () => {
  const monday = epochMs(START + 28 * DAY_MS);

  test("asks for its nodes at 08:30 less the time of a start, and not on Sunday", () => {
    const forecaster = taught(27);
    const first: string[] = [];
    for (let at = epochMs(START + 27 * DAY_MS); at < monday + 10 * HOUR_MS; at = epochMs(at + BIN)) {
      if (nodesAt(forecaster, at) > 0) first.push(clock(at));
      forecaster.learn({ at, gpus: training(at) });
    }
    expect(first[0]).toBe("1 8:20");
  });

  test("asks for enough, and for no more than it may", () => {
    const forecaster = taught(28);
    teach(forecaster, monday, epochMs(monday + 8.5 * HOUR_MS), BIN, training);
    const now = epochMs(monday + 8.5 * HOUR_MS);
    // 32 GPUs at most 70 % full.
    expect(nodesAt(forecaster, now)).toBe(Math.ceil(32 / 0.7 / 8));
    expect(nodesAt(forecaster, now, { preWarmThreshold: ratio(1) })).toBe(4);
    expect(nodesAt(forecaster, now, { nodes: 1, maxPreWarmNodes: 2 })).toBe(3);
  });

  test("stands down within two weekdays after it stopped", () => {
    const forecaster = taught(28);
    const wasted = [0, 0, 0, 0];
    for (let at = monday; at < monday + 4 * DAY_MS; at = epochMs(at + BIN)) {
      const day = Math.floor((at - monday) / DAY_MS);
      if (nodesAt(forecaster, at) > 0) wasted[day] = (wasted[day] ?? 0) + 1;
      forecaster.learn({ at, gpus: 0 });
    }
    expect(wasted[0]).toBeGreaterThan(0);
    expect(wasted.slice(2)).toEqual([0, 0]);
  });
});

test("a flat series costs at most 1 % more nodes than going by what is there", () => {
  let seed = 20_261_126;
  const forecaster = createForecaster({ horizonsMinutes: [30, 60] });
  let reactive = 0;
  let predictive = 0;
  for (let at = START; at < START + 14 * DAY_MS; at = epochMs(at + BIN)) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const gpus = 200 + (seed % 1000) / 100;
    const needed = Math.ceil(gpus / 8);
    reactive += needed;
    const floor = nodesAt(forecaster, at, { preWarmThreshold: ratio(1) });
    predictive += Math.max(needed, floor);
    forecaster.learn({ at, gpus });
  }
  expect(predictive / reactive).toBeLessThanOrEqual(1.01);
}, 30_000);

test("the chance falls with every node, and a node without GPUs is refused", () => {
  const forecast = taught(28).forecast(epochMs(START + 28 * DAY_MS), { lead: BOOT });
  if (forecast.kind !== "forecast") throw new Error("no forecast");
  const chances = [0, 1, 8, 16, 64].map((gpus) => forecast.exceeds(gpus));
  expect(chances).toEqual(chances.toSorted((a, b) => b - a));
  expect(forecast.exceeds(-1)).toBe(1);
  expect(() => floorOf(forecast, { ...ASK, gpusPerNode: 0 })).toThrow(
    /gpusPerNode must be at least 1, got 0/,
  );
});

function clock(at: number): string {
  const { weekday, hour } = localTime(ZONE, at);
  return `${weekday} ${Math.floor(hour)}:${String(Math.round((hour % 1) * 60)).padStart(2, "0")}`;
}
