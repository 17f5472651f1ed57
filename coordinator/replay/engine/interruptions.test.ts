import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { aJob, aPool, aScenario, aSpec, HOUR_MS, MINUTE_MS } from "../../../test/build/scenario.ts";
import type { Scenario, StockTrace, TimeModel } from "../scenario.ts";
import { decideSizer } from "./decide-sizer.ts";
import { play } from "./play.ts";

const [HERE, THERE] = ["us-east-1a", "us-east-1b"] as const;

function stock(
  zone: string,
  ...steps: readonly (readonly [atMs: number, available: number | null])[]
): StockTrace {
  return {
    instanceType: "p3.2xlarge",
    zone,
    tier: "spot",
    steps: steps.map(([atMs, available]) => ({ atMs, available })),
  };
}

/** One job of four hours on spot, whose zone goes after 100 minutes of it and does not come back. */
function losing(times: Partial<TimeModel> = {}, overrides: Partial<Scenario> = {}): Scenario {
  return aScenario({
    lengthMs: millis(12 * HOUR_MS),
    work: { jobs: [aJob("a", 0, 4 * HOUR_MS)], services: [] },
    stocks: [stock(HERE, [0, null], [4 * MINUTE_MS + 100 * MINUTE_MS, 0])],
    times: { ...aScenario().times, ...times },
    ...overrides,
  });
}

describe("a machine that its cloud takes", () => {
  test("is told before, saves its work, and its job goes on elsewhere", () => {
    const { score, happenings } = play(losing(), decideSizer());
    expect(score.interruptions).toMatchObject({ count: 1, clean: 1 });
    expect(score.jobs.finished).toBe(1);
    expect(score.usefulGpuHours).toBeCloseTo(4, 9);
    // Nothing is done again; what the second process does before it goes on is lost.
    expect(score.lostGpuHours).toBeCloseTo(3 / 60, 9);
    expect(happenings.map(({ kind }) => kind)).toContain("notice");
    const replaced = happenings.find(({ kind }) => kind === "replace");
    expect(replaced).toMatchObject({ pool: `spot-${THERE}`, atMs: 102 * MINUTE_MS });
    expect(score.waitWithRequeuesS.count).toBe(2);
  });

  test("loses what was not saved where nobody acts at the notice", () => {
    const { score } = play(losing({ handlesNotices: false }), decideSizer());
    expect(score.interruptions).toMatchObject({ count: 1, clean: 0 });
    // 100 minutes are three half hours and ten minutes.
    expect(score.lostGpuHours).toBeCloseTo(10 / 60 + 3 / 60, 9);
    expect(score.usefulGpuHours).toBeCloseTo(4, 9);
  });

  test("loses it too where the notice is shorter than saving takes, and everything where nothing is ever saved", () => {
    const short = play(losing({ noticeMs: millis(30_000) }), decideSizer()).score;
    expect(short.interruptions.clean).toBe(0);
    expect(short.lostGpuHours).toBeCloseTo((10 * 60 - 30 + 180) / 3600, 9);
    const never = play(losing({ handlesNotices: false, checkpointEveryMs: null }), decideSizer()).score;
    expect(never.lostGpuHours).toBeCloseTo((100 + 3) / 60, 9);
    expect(never.usefulGpuHours).toBeCloseTo(4, 9);
  });

  test("is the newest of those that are too many", () => {
    const taken: string[] = [];
    const scenario = losing(
      {},
      {
        work: { jobs: [aJob("old", 0, 5 * HOUR_MS), aJob("new", 30 * MINUTE_MS, 5 * HOUR_MS)], services: [] },
        stocks: [stock(HERE, [0, null], [2 * HOUR_MS, 1]), stock(THERE, [0, 0])],
      },
    );
    play(scenario, decideSizer(), {
      onFact: (fact) => {
        if (fact.kind === "pod-evicted") taken.push(fact.pod.split("-")[0] ?? "");
      },
    });
    expect(taken).toEqual(["new"]);
  });
});

test("a group that finds nothing costs nothing, and on-demand takes its place", () => {
  const { score, happenings } = play(
    losing({}, { stocks: [stock(HERE, [0, 0]), stock(THERE, [0, 0])] }),
    decideSizer(),
  );
  expect(score.jobs.finished).toBe(1);
  expect(score.usdByTier.spot).toBe(0);
  expect(score.usdByTier["on-demand"]).toBeGreaterThan(0);
  expect(score.launchesFailed).toBeGreaterThan(0);
  expect(happenings.map(({ kind }) => kind)).toContain("launch-failed");
  expect(score.interruptions).toEqual({ count: 0, clean: 0, perSpotInstanceHour: null });
});

test("what is told to a sizer of a zone that goes is told at the notice and not before", () => {
  const at = (104 - 2) * MINUTE_MS;
  const seen: number[] = [];
  const scenario = losing();
  play(scenario, decideSizer(), {
    onSnapshot: ({ notices, at: now }) => {
      if (notices.length > 0) seen.push(now - scenario.start);
    },
  });
  expect(seen[0]).toBe(at);
});

describe("a gang", () => {
  const gang = (id: string, arrivalMs: number) => ({
    id,
    arrivalMs,
    durationMs: 2 * HOUR_MS,
    gpus: 3,
    workers: 3,
    gang: true,
  });

  test("waits until all its workers can run", () => {
    const pools = [aPool("on-demand", HERE, { max: 4 })];
    const starts: number[] = [];
    const scenario = aScenario({
      pools,
      policies: [{ name: "gpu", spec: aSpec(pools) }],
      work: { jobs: [gang("one", 0), gang("two", MINUTE_MS)], services: [] },
    });
    const { score } = play(scenario, decideSizer(), {
      onFact: (fact) => {
        if (fact.kind === "pod-started") starts.push(fact.at - scenario.start);
      },
    });
    expect(starts).toHaveLength(6);
    expect(new Set(starts.slice(0, 3)).size).toBe(1);
    expect(new Set(starts.slice(3)).size).toBe(1);
    // The second begins when the first gives its nodes free, although one node was free before.
    expect(score.waitS.max).toBeGreaterThan(2 * 3600 - 60);
    expect(score.lostGpuHours).toBe(0);
  });

  test("that loses one worker loses the work of all since the last checkpoint, and begins anew together", () => {
    const lost = 4 * MINUTE_MS + 40 * MINUTE_MS;
    const scenario = aScenario({
      work: { jobs: [gang("one", 0)], services: [] },
      stocks: [stock(HERE, [0, null], [lost, 2])],
      times: { ...aScenario().times, handlesNotices: false },
    });
    const { score } = play(scenario, decideSizer());
    expect(score.jobs.finished).toBe(1);
    expect(score.usefulGpuHours).toBeCloseTo(6, 9);
    // Of each worker ten minutes, and what it does before it goes on.
    expect(score.lostGpuHours).toBeCloseTo((3 * (10 + 3)) / 60, 9);
  });
});
