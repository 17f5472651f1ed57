import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import { machine, spreadOf, termOn } from "../../../test/build/packing.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import type { PodOptions } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import type { BuiltPool, PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide, decideInFull } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";

const wide: PolicyOptions = { maxNodes: 1000, maxPercentOrNodesAdded: { nodes: 1000, percent: 100 } };

const decided = (
  pools: readonly BuiltPool[],
  all: readonly PodInput[],
  more: SnapshotOptions & PolicyOptions = {},
) => decide(snapshot({ policies: [policy({ ...wide, pools, ...more })], pods: all, ...more }));

/** Pool → nodes added. */
const bought = (decision: ReturnType<typeof decide>) =>
  Object.fromEntries(grows(decision).map(({ pool, from, to }) => [pool, to - from]));

const cpuPods = (count: number, name: string, cpu: number, options: PodOptions = {}) =>
  pods(count, name, { gpus: 0, cpu: cpu * 1000, ...options });

const four = [
  machine("cpu16", { usd: 0.8, cpu: 16 }),
  machine("cpu64", { usd: 3.2, cpu: 64 }),
  machine("gpu1", { usd: 2, cpu: 16, gpus: 1 }),
  machine("gpu8", { usd: 15, cpu: 96, memory: 768, gpus: 8 }),
];

describe("what is bought", () => {
  test.each([
    ["one small pod", cpuPods(1, "p", 1), { cpu16: 1 }],
    ["one GPU pod", pods(1, "p", { cpu: 4_000 }), { gpu1: 1 }],
    [
      "50 GPU pods, where two single cards are cheaper than a seventh machine of eight",
      pods(50, "p", { cpu: 4_000 }),
      { gpu8: 6, gpu1: 2 },
    ],
    ["500 pods without GPUs, on the fewest nodes of what costs the same", cpuPods(500, "p", 1), { cpu64: 8 }],
    [
      "both, each on its own machines",
      [...cpuPods(1, "c", 1), ...pods(1, "g", { cpu: 4_000 })],
      { cpu16: 1, gpu1: 1 },
    ],
  ])("%s", (_case, all, expected) => {
    expect(bought(decided(four, all))).toEqual(expected);
  });

  test("is no GPU machine for pods without GPUs, though it has room for them when it comes", () => {
    const decision = decided(
      [machine("gpu8", { usd: 15, cpu: 96, gpus: 8 })],
      [...cpuPods(1, "c", 1), pod("g")],
    );
    expect(bought(decision)).toEqual({ gpu8: 1 });
    expect(grows(decision)[0]?.pods).toEqual(["default/g"]);
    expect(unplacedCodes(decision, "c-0")).toEqual(["pod-not-gpu"]);
  });

  test("may be one for them where its pool says so", () => {
    const pools = [machine("gpu8", { usd: 15, cpu: 96, gpus: 8, fields: { allowCpuPods: true } })];
    expect(bought(decided(pools, cpuPods(1, "c", 1)))).toEqual({ gpu8: 1 });
  });

  test("has a known price before it has an unknown one, and then the fewest GPUs", () => {
    const pools = [
      machine("dear", { usd: 50, cpu: 8, gpus: 1 }),
      machine("eight", { usd: null, cpu: 8, gpus: 8 }),
      machine("two", { usd: null, cpu: 8, gpus: 2 }),
    ];
    expect(bought(decided(pools, pods(1, "p")))).toEqual({ dear: 1 });
    expect(bought(decided(pools.slice(1), pods(1, "p")))).toEqual({ two: 1 });
  });

  test("comes from the next pool where one is full, in the same decision", () => {
    const pools = [machine("cheap", { usd: 1, cpu: 4, maxSize: 2 }), machine("dear", { usd: 5, cpu: 4 })];
    const decision = decided(pools, cpuPods(5, "p", 4));
    expect(bought(decision)).toEqual({ cheap: 2, dear: 3 });
    expect(holdCodes(decision, "cheap")).toEqual([]);
    expect(grows(decision)[0]?.because).toContainEqual({ code: "at-maximum", scope: "pool", maximum: 2 });
  });

  test("goes to the more urgent where not all can have it", () => {
    const all = [...cpuPods(2, "late", 4), ...cpuPods(2, "first", 4, { priority: 100 })];
    const decision = decided([machine("only", { usd: 1, cpu: 4, maxSize: 2 })], all);
    expect(grows(decision)[0]?.pods.toSorted()).toEqual(["default/first-0", "default/first-1"]);
    expect(unplacedCodes(decision, "late-0")).toEqual(["at-maximum"]);
  });

  test("goes to as many as can have it where they are equally urgent", () => {
    const all = [...cpuPods(3, "small", 1), ...cpuPods(1, "large", 4)];
    const decision = decided([machine("only", { usd: 1, cpu: 4, maxSize: 1 })], all);
    expect(grows(decision)[0]?.pods).toHaveLength(3);
  });

  test("follows the shares of the tiers, with pods of all sizes in each", () => {
    const tiers = (["spot", "on-demand", "reserved"] as const).map((capacityType) =>
      machine(capacityType, { usd: 8, cpu: 96, gpus: 8, capacityType }),
    );
    const all = [...pods(40, "five", { gpus: 5 }), ...pods(40, "three", { gpus: 3 })];
    const decision = decided(tiers, all);
    const nodes = bought(decision);
    expect(nodes["spot"]).toBeGreaterThanOrEqual(23);
    expect(nodes["on-demand"]).toBeGreaterThanOrEqual(13);
    expect(Object.values(nodes).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(42);
    expect(decision.plan.unplaced).toEqual([]);
  });

  test.each([1, 3, 8, 9, 20, 100])("is for %i single cards no more nodes than they fill", (count) => {
    const pools = (["spot", "on-demand", "reserved"] as const).map((capacityType, index) =>
      machine(capacityType, { usd: 5 + index, cpu: 96, gpus: 8, capacityType }),
    );
    const nodes = Object.values(bought(decided(pools, pods(count, "p", { cpu: 100 }))));
    expect(nodes.reduce((sum, each) => sum + each, 0)).toBe(Math.ceil(count / 8));
  });

  test("is a tier above its share rather than nothing", () => {
    const tiers = [
      machine("spot", { usd: 1, cpu: 8, gpus: 1, capacityType: "spot", maxSize: 1 }),
      machine("od", { usd: 9, cpu: 8, gpus: 1 }),
    ];
    expect(
      bought(decided(tiers, pods(4, "p"), { spotInstancePercentage: 1, onDemandPercentage: 0 })),
    ).toEqual({
      spot: 1,
      od: 3,
    });
  });

  test("is held where the pool pauses, and no pod goes to a dearer one", () => {
    const pools = [machine("cheap", { usd: 1, cpu: 4 }), machine("dear", { usd: 5, cpu: 4 })];
    const decision = decided(pools, cpuPods(2, "p", 4), {
      journal: { lastUpAt: { cheap: epochMs(NOW - SECOND) } },
    });
    expect(bought(decision)).toEqual({});
    expect(holdCodes(decision, "cheap")).toEqual(["cooldown"]);
    expect(holdCodes(decision, "dear")).toEqual(["nothing-to-do"]);
  });
});

describe("pods that depend on where others are", () => {
  const web = (count: number, more: Partial<PodInput>, options: PodOptions = {}) =>
    pods(count, "web", { gpus: 0, cpu: 1_000, ...options }).map((each) => ({
      ...each,
      labels: { app: "web" },
      ...more,
    }));
  const zones = ["z1", "z2", "z3"].map((zone) => machine(zone, { usd: 1, cpu: 8, zone }));

  test("that want a host for themselves get one node each, and others fill those", () => {
    const alone = web(6, { podAntiAffinity: [termOn("web", NODE_LABEL.hostname)] });
    const pools = [machine("small", { usd: 1, cpu: 4 }), machine("large", { usd: 10, cpu: 40 })];
    expect(bought(decided(pools, [...alone, ...cpuPods(18, "fill", 1)]))).toEqual({ small: 6 });
  });

  test("that are spread over zones are spread over all in which a node could be bought", () => {
    expect(bought(decided(zones, web(6, { spread: [spreadOf("web", NODE_LABEL.zone)] })))).toEqual({
      z1: 1,
      z2: 1,
      z3: 1,
    });
  });

  test("are spread over fewer where the others are full, rather than wait", () => {
    const pools = [
      machine("z1", { usd: 1, cpu: 8 }),
      machine("z2", { usd: 1, cpu: 8, zone: "z2", maxSize: 0 }),
    ];
    const decision = decided(pools, web(4, { spread: [spreadOf("web", NODE_LABEL.zone)] }));
    expect(bought(decision)).toEqual({ z1: 1 });
    expect(decision.plan.unplaced).toEqual([]);
  });

  test("that want to be together are put into one zone", () => {
    const together = web(12, { podAffinity: [termOn("web", NODE_LABEL.zone)] }, { cpu: 4_000 });
    expect(Object.values(bought(decided(zones, together)))).toEqual([6]);
  });

  test("whose neighbour is placed after them find it in the next round", () => {
    const follower = {
      ...pod("follower", { gpus: 0, cpu: 4_000, priority: 5 }),
      podAffinity: [termOn("leader", NODE_LABEL.zone)],
    };
    const leader = { ...pod("leader", { gpus: 0, cpu: 1_000, priority: 5 }), labels: { app: "leader" } };
    expect(decided(zones, [follower, leader]).plan.unplaced).toEqual([]);
  });

  test("that want each other the wrong way round are refused and keep nobody else", () => {
    const one = {
      ...pod("one", { gpus: 0 }),
      labels: { app: "one" },
      podAffinity: [termOn("two", NODE_LABEL.hostname)],
    };
    const two = {
      ...pod("two", { gpus: 0 }),
      labels: { app: "two" },
      podAffinity: [termOn("one", NODE_LABEL.hostname)],
    };
    const decision = decided(zones, [one, two, ...cpuPods(1, "free", 1)]);
    expect(grows(decision).flatMap((move) => move.pods)).toEqual(["default/free-0"]);
    expect(new Set(unplacedCodes(decision, "one"))).toEqual(new Set(["pod-affinity"]));
  });

  test("count those who run, on whatever node", () => {
    const runs = { ...pod("runs", { node: "n1", gpus: 0 }), labels: { app: "web" } };
    const cordoned = node("n1", { pool: null, unschedulable: true, labels: { [NODE_LABEL.zone]: "z1" } });
    const decision = decided(
      zones,
      web(1, { podAntiAffinity: [termOn("web", NODE_LABEL.zone)] }).concat(runs),
      {
        nodes: [cordoned],
      },
    );
    expect(Object.keys(bought(decision))).toEqual(["z2"]);
  });
});

describe("pods that are particular about their node", () => {
  test("get the GPU that they name, although another is cheaper", () => {
    const pools = [
      machine("h100", { usd: 1, cpu: 8, gpus: 1, fields: { gpuType: "H100" } }),
      machine("a100", { usd: 5, cpu: 8, gpus: 1, fields: { gpuType: "A100" } }),
    ];
    expect(bought(decided(pools, [{ ...pod("p"), gpuModel: "A100" }]))).toEqual({ a100: 1 });
  });

  test("go where their volume is", () => {
    const pools = [machine("one", { usd: 1, cpu: 8 }), machine("two", { usd: 5, cpu: 8, zone: "z2" })];
    const inZone = { key: NODE_LABEL.zone, operator: "In" as const, values: ["z2"] };
    const bound = {
      kind: "bound" as const,
      claim: "data",
      nodeTerms: [{ labels: [inZone], names: [] }],
      driver: null,
    };
    expect(bought(decided(pools, [{ ...pod("p", { gpus: 0 }), volumes: [bound] }]))).toEqual({ two: 1 });
  });

  test("do not share a port", () => {
    const hostPorts = [{ ip: "0.0.0.0", protocol: "TCP", port: 80 }];
    const all = cpuPods(3, "web", 1).map((each) => ({ ...each, hostPorts }));
    expect(bought(decided([machine("m", { usd: 1, cpu: 8 })], all))).toEqual({ m: 3 });
  });

  test("do not share a node that attaches too few volumes", () => {
    const limited = {
      allocatable: { cpu: 8_000, memory: 2 ** 36, pods: 110 },
      labels: { [NODE_LABEL.zone]: "z1" },
      taints: [],
      volumeLimits: { ebs: 2 },
    };
    const all = cpuPods(5, "db", 1).map((each) => ({
      ...each,
      volumes: [{ kind: "first-consumer" as const, claim: each.uid, nodeTerms: null, driver: "ebs" }],
    }));
    const memory = { ...EMPTY_MEMORY, shapes: { "demo/m": limited } };
    expect(bought(decided([machine("m", { usd: 1, cpu: 8 })], all, { memory }))).toEqual({ m: 3 });
  });
});

describe("gangs", () => {
  const gang = (
    count: number,
    options: PodOptions & { readonly id?: string; readonly minimum?: number } = {},
  ) =>
    pods(count, options.id ?? "g", { gpus: 8, ...options }).map((each) => ({
      ...each,
      gang: {
        id: `default/${options.id ?? "g"}`,
        minimum: options.minimum ?? null,
        source: "PodGroup" as const,
      },
    }));
  const pools = (maxSize: number) => [machine("eight", { usd: 8, cpu: 96, gpus: 8, maxSize })];

  test("are placed whole", () => {
    expect(bought(decided(pools(4), gang(4)))).toEqual({ eight: 4 });
  });

  test("are not placed at all where one member has no place, and others take the room", () => {
    const decision = decided(pools(3), [...gang(4), ...pods(2, "p", { gpus: 8 })]);
    expect(grows(decision)[0]?.pods).toEqual(["default/p-0", "default/p-1"]);
    expect(decision.plan.unplaced.find(({ pod: key }) => key === "default/g-0")?.because).toEqual([
      { code: "gang-does-not-fit", gang: "default/g", need: 4, pod: "default/g-3" },
    ]);
  });

  test("give up only the members beyond what they start with", () => {
    const decision = decided(pools(3), gang(4, { minimum: 3 }));
    expect(bought(decision)).toEqual({ eight: 3 });
    expect(unplacedCodes(decision, "g-3")).toEqual(["at-maximum"]);
  });

  test("come before other pods of their priority, and after those that are more urgent", () => {
    const [own] = grows(decided(pools(2), [...pods(2, "a", { gpus: 8 }), ...gang(2)]));
    expect(own?.pods).toEqual(["default/g-0", "default/g-1"]);
    const [urgent] = grows(decided(pools(2), [...pods(2, "a", { gpus: 8, priority: 1 }), ...gang(2)]));
    expect(urgent?.pods).toEqual(["default/a-0", "default/a-1"]);
  });

  test("use room that is there and buy only the rest", () => {
    const decision = decided(pools(4), gang(2), { nodes: [node("n1", { pool: null })] });
    expect(bought(decision)).toEqual({ eight: 1 });
  });
});

describe("work that runs out", () => {
  const pools = [machine("only", { usd: 1, cpu: 4 })];
  const all = Array.from({ length: 60 }, (_, index) => pod(`p${index}`, { gpus: 0, cpu: 1_000 + index }));

  test("leaves pods for the next time, says so, and begins with them then", () => {
    const input = { ...snapshot({ policies: [policy({ ...wide, pools })], pods: all }), workUnits: 20 };
    const { plan, memory } = decide(input);
    const placed = new Set(grows({ plan, memory }).flatMap((move) => move.pods));
    expect(plan.packing?.leftOut).toBeGreaterThan(0);
    expect(memory.leftOut).toHaveLength(plan.packing?.leftOut ?? -1);
    expect(placed.size + (memory.leftOut?.length ?? 0)).toBe(all.length);
    const [first = ""] = memory.leftOut ?? [];
    expect(unplacedCodes({ plan, memory }, first.replace("default/", ""))).toEqual(["left-for-next"]);
    expect(
      holdCodes({ plan, memory }, "only").concat(
        grows({ plan, memory })[0]?.because.map(({ code }) => code) ?? [],
      ),
    ).toContain("work-exhausted");

    const next = decide({ ...input, memory: { ...input.memory, ...memory } });
    expect(grows(next).flatMap((move) => move.pods)).toContain(first);
  });

  const gangOf = (id: string, count: number): readonly PodInput[] =>
    Array.from({ length: count }, (_, index) => ({
      ...pod(`${id}-${index}`, { gpus: 0, cpu: 3_000 + index }),
      gang: { id, minimum: count, source: "PodGroup" as const },
    }));

  test("does not leave off a gang in the middle, which would never start then", () => {
    const policies = [policy({ ...wide, pools: [machine("only", { usd: 1, cpu: 4 })] })];
    const waiting = [...gangOf("g", 30), ...gangOf("h", 30)];
    const { plan, memory } = decide({ ...snapshot({ policies, pods: waiting }), workUnits: 5 });
    expect(plan.moves.map(({ to }) => to)).toEqual([30]);
    expect(unplacedCodes({ plan, memory }, "h-0")).toEqual(["left-for-next"]);
  });

  test("goes to pods that were left out before gangs that never fit take it again", () => {
    const policies = [policy({ ...wide, pools: [machine("only", { usd: 1, cpu: 4, maxSize: 2 })] })];
    const input = snapshot({ policies, pods: [...gangOf("g", 30), pod("alone", { gpus: 0 })] });
    const first = decide({ ...input, workUnits: 5 });
    expect(first.memory.leftOut).toEqual(["default/alone"]);
    const next = decide({ ...input, memory: first.memory, workUnits: 5 });
    expect(grows(next).map((grown) => grown.pods)).toEqual([["default/alone"]]);
  });

  test("is all used where there is no limit", () => {
    const { plan } = decided(pools, all);
    expect(plan.packing).toMatchObject({ leftOut: 0 });
    expect(plan.packing?.usdPerHour).toBeGreaterThanOrEqual(plan.packing?.lowerBoundUsdPerHour ?? Infinity);
  });
});

test("a plan names no price where one of its nodes has none, and no bound then", () => {
  const { plan } = decided([machine("only", { usd: null, cpu: 4 })], cpuPods(1, "p", 1));
  expect(plan.packing).toMatchObject({ usdPerHour: null, lowerBoundUsdPerHour: null });
});

test("nothing is packed where nothing waits", () => {
  expect(decided([machine("only", { usd: 1, cpu: 4 })], []).plan.packing).toBeUndefined();
});

test("a node that opens for one pod grows with the next, and ends as the cheapest that holds both", () => {
  const pools = [
    machine("small", { usd: 1, cpu: 2 }),
    machine("middle", { usd: 1.5, cpu: 4 }),
    machine("large", { usd: 4, cpu: 8 }),
  ];
  const beside = [termOn("web", NODE_LABEL.hostname)];
  const all = pods(3, "web", { gpus: 0, cpu: 1_300 }).map((each) => ({
    ...each,
    labels: { app: "web" },
    podAffinity: beside,
  }));
  const { work, plan } = decideInFull(snapshot({ policies: [policy({ ...wide, pools })], pods: all }));
  expect(plan.moves.map(({ pool, to }) => [pool, to])).toEqual([["middle", 1]]);
  expect(work?.packing.board.bins.map((bin) => bin.placed.length)).toEqual([3]);
});
