import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { DAY_MS, HOUR_MS, instant, localTime, teach } from "../../test/build/load.ts";
import { EXPERT, EXPERTS } from "./expert-names.ts";
import { followed, teachFollow } from "./follow.ts";
import { createForecaster } from "./forecaster.ts";
import { emptyModel } from "./model.ts";
import type { Horizon } from "./model.ts";
import { setupOf } from "./options.ts";

const BINS_PER_DAY = 288;
/** What is usual at the time of the forecast, in all that is taught here. */
const USUAL = 20;

function horizon(): Horizon {
  const [one] = emptyModel(setupOf({ horizonsMinutes: [30] })).horizons;
  if (one === undefined) throw new Error("no horizon");
  return one;
}

/** What the experts said that this one goes by: as now, and what is usual at the target. */
function says(now: number, profile: number): Float64Array {
  const said = new Float64Array(EXPERTS.length).fill(Number.NaN);
  said[EXPERT.last] = now;
  said[EXPERT.profile] = profile;
  return said;
}

interface Came {
  /** What is usual moves by so much, and the load moved by so much. */
  readonly usually: number;
  readonly really: number;
}

function show(to: Horizon, { usually, really }: Came, binsPerDay = BINS_PER_DAY): void {
  teachFollow(to, says(50, USUAL + usually), USUAL, { value: 50 + really, binsPerDay });
}

/** From 100 GPUs, where what is usual rises by 10: 105 is a share of a half. */
function saysOfTen(of: Horizon): number {
  return followed(of, says(100, USUAL + 10), USUAL);
}

describe("how much of the usual change comes", () => {
  test("is learned: of a load that goes half of it, a half is expected, upwards and downwards", () => {
    const own = horizon();
    show(own, { usually: 10, really: 5 });
    show(own, { usually: -8, really: -4 });
    expect(saysOfTen(own)).toBeCloseTo(105, 5);
    expect(followed(own, says(100, USUAL - 6), USUAL)).toBeCloseTo(97, 5);
  });

  test("is weighed by the size of the change: a large one tells more than a small one", () => {
    const own = horizon();
    show(own, { usually: 10, really: 10 });
    // One bin is as long as the half-life: of the first sums, 100 and 100, half is left.
    show(own, { usually: 20, really: 0 }, 1 / 7);
    expect(saysOfTen(own)).toBeCloseTo(100 + (10 * 50) / (50 + 400), 5);
  });

  test.each([
    ["is not negative where the load goes the other way", -5, 100],
    ["is at most one and a quarter", 30, 112.5],
    ["may be a little more than the whole", 12, 112],
  ])("%s", (_what, really, expected) => {
    const own = horizon();
    show(own, { usually: 10, really });
    expect(saysOfTen(own)).toBeCloseTo(expected, 5);
  });

  test("is nothing, so that it says 'as now', before anything was taught", () => {
    expect(saysOfTen(horizon())).toBe(100);
  });

  test("is nothing too where the usual never moves, whatever the load did", () => {
    const own = horizon();
    show(own, { usually: 0, really: 7 });
    show(own, { usually: 0, really: -3 });
    expect(saysOfTen(own)).toBe(100);
  });

  test("and nothing is added where nothing usually comes, however much of it does", () => {
    const own = horizon();
    show(own, { usually: 10, really: 10 });
    expect(followed(own, says(100, USUAL), USUAL)).toBe(100);
  });

  test("is forgotten by half in seven days", () => {
    const own = horizon();
    show(own, { usually: 10, really: 10 });
    for (let bin = 1; bin < 7 * BINS_PER_DAY; bin++) show(own, { usually: 0, really: 0 });
    show(own, { usually: 10, really: 0 });
    // 50 of the 100 of old, beside 100 of new.
    expect(saysOfTen(own)).toBeCloseTo(100 + 10 / 3, 5);
  });
});

describe("what it says", () => {
  test("is never below 0 GPUs", () => {
    const own = horizon();
    show(own, { usually: 10, really: 10 });
    expect(followed(own, says(2, USUAL - 10), USUAL)).toBe(0);
  });

  test.each([
    ["the last value", says(Number.NaN, 30), USUAL],
    ["what is usual at the target", says(100, Number.NaN), USUAL],
    ["what is usual now", says(100, 30), Number.NaN],
  ])("is nothing where %s is not known, and nothing is learned from it", (_what, said, usual) => {
    const own = horizon();
    show(own, { usually: 10, really: 5 });
    const before = Array.from(own.follow);
    expect(followed(own, said, usual)).toBeNaN();
    teachFollow(own, said, usual, { value: 70, binsPerDay: BINS_PER_DAY });
    expect(Array.from(own.follow)).toEqual(before);
  });

  test("is part of a forecast: the usual rise from a level that was never there before", () => {
    const bin = 30 * 60_000;
    const start = instant("2026-01-05T00:00:00Z");
    const days = 14;
    const high = start + days * DAY_MS;
    // Ten more from 09:00 to 17:00 every day; on the last day all of it lies 25 higher.
    const load = (at: number): number => {
      const { hour } = localTime("UTC", at);
      return (hour >= 9 && hour < 17 ? 20 : 10) + (at >= high ? 25 : 0);
    };
    const forecaster = createForecaster({ binMinutes: 30, horizonsMinutes: [30] });
    const now = epochMs(high + 8.5 * HOUR_MS);
    teach(forecaster, start, now, bin, load);
    const forecast = forecaster.forecast(now, { lead: millis(bin) });
    if (forecast.kind !== "forecast") throw new Error("no forecast");
    const gpus = (name: string) => forecast.experts.find((one) => one.name === name)?.gpus;
    expect(gpus("last-value")).toBe(35);
    expect(gpus("profile")).toBe(20);
    expect(gpus("followed")).toBeCloseTo(45, 1);
  });
});
