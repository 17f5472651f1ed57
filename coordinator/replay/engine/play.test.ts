import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { aJob, aPool, aPrice, aScenario, aSpec, HOUR_MS, MINUTE_MS } from "../../../test/build/scenario.ts";
import type { Scenario } from "../scenario.ts";
import type { MakeSizer } from "../sizer.ts";
import { decideSizer } from "./decide-sizer.ts";
import { play } from "./play.ts";

const ON_DEMAND = [aPool("on-demand", "us-east-1a")];

function onDemandOnly(overrides: Partial<Scenario> = {}): Scenario {
  return aScenario({
    pools: ON_DEMAND,
    prices: [aPrice("on-demand", "us-east-1a", 3.6)],
    ...overrides,
  });
}

const NOBODY: MakeSizer = () => ({
  name: "nobody",
  step: () => ({ moves: [], againInMs: null, plan: null }),
});

describe("one job on demand", () => {
  const run = play(
    onDemandOnly({ work: { jobs: [aJob("a", 7 * MINUTE_MS, HOUR_MS)], services: [] } }),
    decideSizer(),
  );
  const { score } = run;

  test("waits for the batch and for the boot, and runs as long as it says", () => {
    expect(score.waitS).toEqual({ count: 1, p50: 240.2, p95: 240.2, p99: 240.2, max: 240.2 });
    expect(score.jobs).toEqual({ arrived: 1, finished: 1, unfinished: 0 });
    expect(score.usefulGpuHours).toBeCloseTo(1, 9);
    expect(score.lostGpuHours).toBe(0);
    expect(score.startedWithin60s).toBe(0);
    expect(score.startedWithin300s).toBe(1);
    expect(score.unmetGpuMinutes).toBeCloseTo(240.2 / 60, 9);
  });

  test("is paid from the call to the end of the empty window, by state", () => {
    // Boot 240 s, work 1 h, then empty for 300 s; the end of the pod is seen 200 ms late.
    const { booting, allocated, idle, draining } = score.usdByState;
    expect(booting).toBeCloseTo(0.24, 9);
    expect(allocated).toBeCloseTo(3.6, 9);
    expect(idle).toBeCloseTo(0.3, 2);
    expect(draining).toBe(0);
    expect(score.usd).toBeCloseTo(booting + allocated + idle, 9);
    expect(score.usdByTier).toEqual({ spot: 0, "on-demand": score.usd, reserved: 0 });
    expect(score.usdAtOnDemand).toBeCloseTo(score.usd ?? 0, 9);
    expect(score.usdBound).toBeCloseTo(3.6, 9);
    expect(score.nodesAdded).toBe(1);
    expect(score.nodesRemoved).toBe(1);
  });

  test("stands in the timeline and among what happened, with reasons", () => {
    const gpuHours = run.timeline.reduce((sum, bin) => sum + bin.gpusAllocated, 0) / 60;
    expect(gpuHours).toBeCloseTo(score.allocatedGpuHours, 9);
    expect(run.happenings.map(({ kind }) => kind)).toEqual(["grow", "shrink"]);
    const [grow] = run.happenings;
    expect(grow).toMatchObject({
      atMs: 7 * MINUTE_MS + 200,
      pool: "on-demand-us-east-1a",
      from: 0,
      to: 1,
      because: [{ code: "pending-pods" }],
    });
  });
});

test("who decides nothing pays nothing, and his jobs count as waiting to the end", () => {
  const { score } = play(onDemandOnly({ work: { jobs: [aJob("a", 0, HOUR_MS)], services: [] } }), NOBODY);
  expect(score).toMatchObject({
    usd: 0,
    waitS: { count: 1, p50: (12 * HOUR_MS) / 1000 },
    jobs: { arrived: 1, finished: 0, unfinished: 1 },
    unmetGpuMinutes: 6 * 60,
  });
});

test("without a price there is no sum, and the hours of it are told", () => {
  const { score } = play(
    onDemandOnly({ prices: [], work: { jobs: [aJob("a", 0, HOUR_MS)], services: [] } }),
    decideSizer(),
  );
  expect(score.usd).toBeNull();
  expect(score.usdBound).toBeNull();
  expect(score.usdAtOnDemand).toBeNull();
  expect(score.unknownNodeHours).toBeCloseTo(score.nodeHours["on-demand"], 9);
});

test("nodes that are there at the start take work at once, and committed ones are paid for always", () => {
  const pools = [aPool("reserved", "us-east-1a", { initial: 1, committed: 2 })];
  const { score } = play(
    aScenario({
      pools,
      drainMs: millis(0),
      prices: [aPrice("reserved", "us-east-1a", 1), aPrice("on-demand", "us-east-1a", 3)],
      policies: [{ name: "gpu", spec: aSpec(pools, { minNodes: 1 }) }],
      work: { jobs: [aJob("a", HOUR_MS, HOUR_MS)], services: [] },
    }),
    decideSizer(),
  );
  expect(score.waitS.max).toBe(0);
  expect(score.usdByTier.reserved).toBeCloseTo(12, 9);
  expect(score.usdByState.allocated).toBeCloseTo(1, 9);
});

describe("a service", () => {
  const run = play(
    onDemandOnly({
      work: {
        jobs: [],
        services: [
          {
            name: "chat",
            gpusPerReplica: 1,
            steps: [
              { atMs: 0, replicas: 2 },
              { atMs: 2 * HOUR_MS, replicas: 1 },
              { atMs: 4 * HOUR_MS, replicas: 0 },
            ],
          },
        ],
      },
    }),
    decideSizer(),
  );

  test("lacks replicas while its nodes boot and its model loads", () => {
    const lateMs = 240_000 + 30_000;
    expect(run.score.services?.underProvisionedShare).toBeCloseTo(lateMs / (6 * HOUR_MS), 9);
    expect(run.score.services?.missedShare).toBeCloseTo((2 * lateMs) / (6 * HOUR_MS), 9);
  });

  test("gives its nodes back when it wants none", () => {
    expect(run.score.nodesRemoved).toBe(2);
    expect(run.timeline.at(-1)?.gpusProvisioned).toBe(0);
  });
});

test("a range of boot times is drawn by the seed", () => {
  const scenario = (seed: number) =>
    onDemandOnly({
      seed,
      times: { ...aScenario().times, nodeReadyMs: [millis(60_000), millis(600_000)] },
      work: { jobs: [aJob("a", 0, HOUR_MS)], services: [] },
    });
  const [one, same, other] = [1, 1, 2].map((seed) => play(scenario(seed), decideSizer()).score.waitS.max);
  expect(one).toBe(same);
  expect(one).not.toBe(other);
});

test("a burst is one decision, and progress is told to the end", () => {
  const told: number[] = [];
  let grows = 0;
  const run = play(
    onDemandOnly({
      pools: [aPool("on-demand", "us-east-1a", { max: 200 })],
      policies: [
        {
          name: "gpu",
          spec: aSpec([aPool("on-demand", "us-east-1a", { max: 200 })], {
            maxNodes: 200,
            maxPercentOrNodesAdded: { percent: 100, nodes: 200 },
          }),
        },
      ],
      work: {
        jobs: Array.from({ length: 100 }, (_, at) => aJob(`b${at}`, HOUR_MS + 1_000, 10 * MINUTE_MS)),
        services: [],
      },
    }),
    decideSizer(),
    {
      onProgress: ({ atMs }) => told.push(atMs),
      onSnapshot: (_snapshot, { moves }) => {
        grows += moves.filter(({ kind }) => kind === "grow").length;
      },
    },
  );
  expect(grows).toBe(1);
  expect(run.score.waitS).toMatchObject({ p50: 240.2, max: 240.2 });
  expect(run.score.nodesAdded).toBe(100);
  expect(told.length).toBeLessThanOrEqual(202);
  expect(told.at(-1)).toBe(12 * HOUR_MS);
});
