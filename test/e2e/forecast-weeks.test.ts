// What a forecast does to a fleet over days, played in virtual time to the shipped decision: limits, patterns that break, loads
// without one, and the days on which clocks change. Nothing here waits; it is only much to work out.

import { describe, expect, test } from "vitest";

import {
  growths,
  MONDAY,
  nodeHours,
  playWeek,
  POLICY,
  steps,
  training,
  TRAINING_GPUS,
  TRAINING_WEEK,
  VIENNA,
  walked,
} from "../build/forecast-week.ts";
import type { Week } from "../build/forecast-week.ts";
import { DAY_MS, HOUR_MS, instant, localTime } from "../build/load.ts";
import type { LocalTime } from "../build/load.ts";

describe("training on weekdays at 09:00, and what the policy says of it", () => {
  const reactive = playWeek({ ...TRAINING_WEEK, forecasts: false });

  test("with a policy that asks for no room beside what is expected, no more is bought than is used", () => {
    const exact = playWeek({ ...TRAINING_WEEK, predictive: { preWarmThreshold: 1 } });
    expect(exact.score.unmetGpuMinutes).toBeLessThan(1);
    expect(exact.score.nodesAdded).toBe(reactive.score.nodesAdded);
  });

  test("ForecastOnly shows the same and moves nothing", () => {
    let shown = 0;
    const watched = playWeek({
      ...TRAINING_WEEK,
      predictive: { mode: "ForecastOnly" },
      watch: (feed) => {
        if (feed.views().some(({ input, standsDown }) => standsDown.length === 0 && (input?.gpus ?? 0) > 0))
          shown += 1;
        expect(feed.inputOf(POLICY)?.earned ?? false).toBe(false);
      },
    });
    expect(shown).toBeGreaterThan(0);
    // It looks at the end of each bin too, a moment before or after.
    expect(nodeHours(watched)).toBeCloseTo(nodeHours(reactive), 2);
    expect(growths(watched, TRAINING_WEEK)).toEqual(growths(reactive, TRAINING_WEEK));
  });

  test.each([
    ["maxPreWarmNodes", { predictive: { maxPreWarmNodes: 3 } }, 3],
    ["maxNodes", { spec: { maxNodes: 5 } }, 5],
    // Of 10 minutes; the second day has a measured start, and less time to ask again.
    ["the rate", { spec: { maxPercentOrNodesAdded: { nodes: 1, percent: 0 } } }, 1],
  ])("never passes %s (F29)", (_limit, more, most) => {
    const limited = playWeek({ ...TRAINING_WEEK, days: 1, ...more });
    const forecasts = growths(limited, TRAINING_WEEK).filter(({ code }) => code === "forecast");
    expect(forecasts.length).toBeGreaterThan(0);
    expect(Math.max(...forecasts.map(({ nodes }) => nodes))).toBeLessThanOrEqual(most);
    const before = limited.timeline.filter(({ atMs }) => atMs < 9 * HOUR_MS);
    const nodes = Math.max(...before.map((bin) => bin.nodes["on-demand"]));
    if (_limit !== "the rate") expect(nodes).toBeLessThanOrEqual(most);
  });
});

describe("a pattern that breaks", () => {
  const broken: Week = {
    ...TRAINING_WEEK,
    days: 5,
    load: () => 0,
    before: training,
  };
  const reasons = new Map<number, Set<string>>();
  const run = playWeek({
    ...broken,
    watch: (feed, at) => {
      const day = Math.floor((at - MONDAY) / DAY_MS);
      const codes = feed.views().flatMap(({ standsDown }) => standsDown.map(({ code }) => code));
      reasons.set(day, (reasons.get(day) ?? new Set()).union(new Set(codes)));
    },
  });
  const ordered = growths(run, broken);

  test("is followed twice at most, and then the forecast stands down and says why", () => {
    expect(new Set(ordered.map(({ when }) => when[0]))).toEqual(new Set(["1", "2"]));
    expect(
      [...(reasons.get(3) ?? [])].some((code) => ["no-skill", "drifted", "miscalibrated"].includes(code)),
    ).toBe(true);
  });

  test("its nodes go within an hour after the work should have come", () => {
    const last = Math.max(...run.happenings.filter(({ kind }) => kind === "shrink").map(({ atMs }) => atMs));
    expect(localTime(VIENNA, MONDAY + last).hour).toBeLessThan(10.5);
    expect(run.timeline.at(-1)?.nodes["on-demand"]).toBe(0);
  });

  test("they are counted as wasted, and the forecast rests", () => {
    expect(reasons.get(0)).toContain("wasted");
  });
});

describe("a load without a pattern", () => {
  test.each([
    ["flat", () => 6],
    ["nothing", () => 0],
    ["a random walk", steps(20261127, walked)],
  ])("%s costs at most 1 % more than without a forecast", (_name, load) => {
    const week = { ...TRAINING_WEEK, days: 3, load, taughtDays: 21 };
    const reactive = playWeek({ ...week, forecasts: false });
    const run = playWeek(week);
    expect(nodeHours(run)).toBeLessThanOrEqual(1.01 * nodeHours(reactive));
  });
});

describe("days on which the clocks change", () => {
  test.each([
    ["forwards", "Europe/Vienna", "2026-03-28T23:00:00Z"],
    ["back", "Europe/Vienna", "2026-10-24T22:00:00Z"],
    ["forwards", "America/New_York", "2026-03-08T05:00:00Z"],
    ["back by half an hour", "Australia/Lord_Howe", "2026-04-04T13:00:00Z"],
  ])(
    "%s: nodes of %s are there at 08:30 of the wall clock on the day and the day after",
    (_way, zone, midnight) => {
      // Every day, as the clocks change on Sundays.
      const load = ({ hour }: LocalTime): number => (hour >= 9 && hour < 12 ? TRAINING_GPUS : 0);
      const week = { zone, start: instant(midnight), days: 2, load };
      const run = playWeek(week);
      const first = new Map(
        growths(run, week)
          .toReversed()
          .map(({ when }) => [when[0], when.slice(2)]),
      );
      expect([...first.values()].toSorted().join(" ")).toMatch(/^8:00 8:2[0-4]$/);
      expect(run.score.unmetGpuMinutes).toBeLessThan(1);
    },
  );
});
