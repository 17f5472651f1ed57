// The simple policies, each on a small scenario in which it can be told what they do: when a node is asked for, which one, and
// when it goes.

import { describe, expect, test } from "vitest";

import { millis, epochMs } from "../../../shared/model/units.ts";
import { play } from "../engine/play.ts";
import type { JobModel, PoolModel, Scenario, StockTrace } from "../scenario.ts";
import type { MakeSizer } from "../sizer.ts";
import { fixedSizer } from "./fixed.ts";
import { karpenterLikeSizer } from "./karpenter-like.ts";
import { reactiveSizer } from "./reactive.ts";
import { spotGreedySizer } from "./spot-greedy.ts";

const START = epochMs(Date.UTC(2024, 0, 1));
const MINUTE = 60_000;

function pool(name: string, tier: PoolModel["tier"], rest: Partial<PoolModel> = {}): PoolModel {
  return {
    name,
    tier,
    provider: "aws",
    region: "us-east-1",
    zones: ["us-east-1a"],
    instanceType: "p3.2xlarge",
    allocatable: { "nvidia.com/gpu": "1", cpu: "8", memory: "60Gi", pods: "110" },
    max: 20,
    initial: 0,
    ...rest,
  };
}

function scenario(
  pools: readonly PoolModel[],
  jobs: readonly JobModel[],
  stocks: readonly StockTrace[] = [],
): Scenario {
  return {
    name: "small",
    seed: 1,
    start: START,
    warmInMs: millis(0),
    lengthMs: millis(120 * MINUTE),
    drainMs: millis(0),
    policies: [
      {
        name: "open",
        spec: {
          provider: "aws",
          disruption: { budgets: [] },
          nodePools: pools.map(({ name, tier, instanceType, zones, region }) => ({
            name,
            capacityType: tier,
            instanceTypes: [instanceType],
            availabilityZones: [...zones],
            region,
            group: { simulated: { url: "http://replay.invalid", name } },
          })),
        },
      },
    ],
    pools,
    work: { jobs, services: [] },
    stocks,
    prices: (["spot", "on-demand", "reserved"] as const).map((tier, at) => ({
      provider: "aws",
      region: "us-east-1",
      instanceType: "p3.2xlarge",
      tier,
      usdPerHour: at + 1,
      source: "test",
      at: START,
    })),
    times: {
      nodeReadyMs: millis(240_000),
      jobStartMs: millis(0),
      serviceStartMs: millis(0),
      noticeMs: millis(120_000),
      handlesNotices: true,
      checkpointEveryMs: millis(1_800_000),
      checkpointTakesMs: millis(10_000),
      restartMs: millis(0),
      launchRetryMs: millis(30_000),
    },
  };
}

const job = (id: string, atMinute: number, minutes: number): JobModel => ({
  id,
  arrivalMs: atMinute * MINUTE,
  durationMs: minutes * MINUTE,
  gpus: 1,
});

/** Each change of a size: what, which pool, at which second. */
function changes(of: Scenario, make: MakeSizer) {
  const run = play(of, make);
  const moves = run.happenings.flatMap((happening) =>
    happening.kind === "grow" || happening.kind === "shrink" || happening.kind === "release"
      ? [[happening.kind, happening.pool, happening.atMs / 1000] as const]
      : [],
  );
  return { run, moves };
}

describe("reactive", () => {
  test("asks for a node at the first look after a pod with a GPU is 30 s old, and gives it back after 10 minutes unused", () => {
    const { run, moves } = changes(
      scenario([pool("on-demand", "on-demand")], [job("a", 1, 20)]),
      reactiveSizer(),
    );
    const [grown, gone] = moves;
    expect(grown?.slice(0, 2)).toEqual(["grow", "on-demand"]);
    expect(grown?.[2]).toBeGreaterThanOrEqual(90);
    expect(grown?.[2]).toBeLessThanOrEqual(101);
    expect(gone?.slice(0, 2)).toEqual(["shrink", "on-demand"]);
    // Grown at about 90 s, ready 240 s later, done 20 min later, unused for 10 min.
    const leastS = (grown?.[2] ?? 0) + 240 + 20 * 60 + 600;
    expect(gone?.[2]).toBeGreaterThanOrEqual(leastS);
    expect(gone?.[2]).toBeLessThanOrEqual(leastS + 30);
    expect(run.score.jobs.finished).toBe(1);
  });

  test("uses what is on its way before it asks for more", () => {
    const jobs = [job("a", 1, 3), job("b", 2, 30)];
    const { run } = changes(
      scenario(
        [
          pool("on-demand", "on-demand", {
            allocatable: { "nvidia.com/gpu": "2", cpu: "8", memory: "60Gi", pods: "110" },
          }),
        ],
        jobs,
      ),
      reactiveSizer(),
    );
    expect(run.score.nodesAdded).toBe(1);
  });

  test("gives back a place that nobody fills, and asks again later", () => {
    const none: StockTrace = {
      instanceType: "p3.2xlarge",
      zone: "us-east-1a",
      tier: "spot",
      steps: [
        { atMs: 0, available: 0 },
        { atMs: 20 * MINUTE, available: null },
      ],
    };
    const { run, moves } = changes(
      scenario([pool("spot", "spot")], [job("a", 1, 10)], [none]),
      reactiveSizer(),
    );
    expect(moves.some(([kind]) => kind === "release")).toBe(true);
    expect(run.score.jobs.finished).toBe(1);
    expect(moves.filter(([kind]) => kind === "grow").length).toBeLessThanOrEqual(4);
  });

  test("leaves nodes alone that are paid for anyway", () => {
    const pools = [
      pool("reserved", "reserved", { initial: 2, committed: 2 }),
      pool("on-demand", "on-demand"),
    ];
    const { run } = changes(scenario(pools, [job("a", 1, 10)]), reactiveSizer({ keep: ["reserved"] }));
    expect(run.score.nodesRemoved).toBe(0);
    expect(run.score.nodeHours.reserved).toBeCloseTo(4, 6);
  });
});

describe("karpenter-like", () => {
  test("gathers pods for a second and gives an empty node back within the minute", () => {
    const { moves } = changes(
      scenario([pool("on-demand", "on-demand")], [job("a", 1, 20)]),
      karpenterLikeSizer(),
    );
    const [grown, gone] = moves;
    expect(grown?.[2]).toBeGreaterThanOrEqual(61);
    expect(grown?.[2]).toBeLessThanOrEqual(71);
    const doneS = (grown?.[2] ?? 0) + 240 + 20 * 60;
    expect(gone?.[0]).toBe("shrink");
    expect(gone?.[2]).toBeLessThanOrEqual(doneS + 60);
  });
});

describe("spot-greedy", () => {
  const gap: StockTrace = {
    instanceType: "p3.2xlarge",
    zone: "us-east-1a",
    tier: "spot",
    steps: [
      { atMs: 0, available: null },
      { atMs: 20 * MINUTE, available: 0 },
      { atMs: 50 * MINUTE, available: null },
    ],
  };

  test("takes spot first, goes on demand while there is none, and comes back", () => {
    const pools = [pool("spot", "spot"), pool("on-demand", "on-demand")];
    const { run, moves } = changes(scenario(pools, [job("a", 1, 100)], [gap]), spotGreedySizer());
    const grown = moves.filter(([kind]) => kind === "grow").map(([, name]) => name);
    expect(grown[0]).toBe("spot");
    expect(grown).toContain("on-demand");
    expect(grown.at(-1)).toBe("spot");
    // The node, and the one that it asked for between the notice and the loss.
    expect(run.score.interruptions.count).toBe(2);
    // On demand from the loss to a few minutes after spot has come back.
    expect(run.score.nodeHours["on-demand"]).toBeGreaterThan(0.4);
    expect(run.score.nodeHours["on-demand"]).toBeLessThan(0.9);
  });
});

describe("fixed", () => {
  test("keeps what is there, whatever waits", () => {
    const { run } = changes(
      scenario([pool("on-demand", "on-demand", { initial: 1 })], [job("a", 1, 30), job("b", 2, 30)]),
      fixedSizer("fixed"),
    );
    expect(run.score.nodesRemoved).toBe(0);
    expect(run.score.nodeHours["on-demand"]).toBeCloseTo(2, 6);
    expect(run.score.jobs.finished).toBe(2);
  });
});
