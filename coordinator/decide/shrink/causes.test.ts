import { describe, expect, test } from "vitest";

import { epochMs, ratio } from "../../../shared/model/units.ts";
import { digest, node, reported } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { holdCodes, memory, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NodeInput } from "../snapshot.ts";

const OPEN = { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false };
const ANY = { nodes: 1000, percent: 100 };
const busy = reported({ mean: 0.3, busiest: 0.5 });
const priced = { fields: { price: { usdPerHour: 4 } } };

const going = (input: Parameters<typeof decide>[0]) =>
  shrinks(decide(input)).map(({ node: name, how, disruption }) => [name, how, disruption]);

describe("several removals", () => {
  const names = Array.from({ length: 20 }, (_, index) => `n${String(index).padStart(2, "0")}`);
  const input = (options: PolicyOptions) =>
    snapshot({
      nodes: names.map((name) => node(name)),
      policies: [policy(options)],
      memory: memory(Object.fromEntries(names.map((name) => [name, { emptyMs: HOUR }]))),
    });
  test("in one decision are as many as the budget allows, a tenth of the nodes by default", () => {
    const moves = shrinks(decide(input({})));
    expect(moves.map(({ node: name, from, to }) => [name, from, to])).toEqual([
      ["n00", 20, 19],
      ["n01", 19, 18],
    ]);
    expect(holdCodes(decide(input({})))).toContain("disruption-budget");
  });
  test("take all that are empty where no budget binds, but never below the minimum", () => {
    const all = shrinks(decide(input({ disruption: OPEN, maxPercentOrNodesRemoved: ANY })));
    expect(all).toHaveLength(20);
    const kept = shrinks(decide(input({ disruption: OPEN, maxPercentOrNodesRemoved: ANY, minNodes: 3 })));
    expect(kept).toHaveLength(17);
  });
  test("stop at the rate of ten minutes", () => {
    const few = decide(input({ disruption: OPEN, maxPercentOrNodesRemoved: { nodes: 4, percent: 0 } }));
    expect(shrinks(few)).toHaveLength(4);
    expect(holdCodes(few)).toContain("removal-rate");
  });
  test("do not spend one disruption of a budget of pods twice", () => {
    const nodes = [1, 2, 3].map((index) => node(`n${index}`, { telemetry: reported({ busiest: 0.01 }) }));
    const web = [1, 2].map((index) => pod(`web-${index}`, { node: `n${index}`, gpus: 0 }));
    const decision = decide(
      snapshot({
        nodes,
        pods: [...web, pod("stays", { node: "n3", owner: null })],
        policies: [policy({ disruption: OPEN })],
        budgets: [{ key: "default/web", disruptionsAllowed: 1, pods: web.map(({ key }) => key) }],
        memory: memory({ n1: { idleMs: HOUR }, n2: { idleMs: HOUR } }),
      }),
    );
    expect(shrinks(decision).map((shrink) => shrink.node)).toEqual(["n1"]);
    expect(holdCodes(decision)).toContain("budget");
  });
});

describe("a node with pods", () => {
  const two = (n1: Partial<NodeInput>, options: PolicyOptions, remembered: Memory = memory({})) =>
    snapshot({
      nodes: [{ ...node("n1", { telemetry: busy }), ...n1 }, node("n2", { telemetry: busy })],
      pods: [pod("p", { node: "n1" }), pod("stays", { node: "n2", owner: null })],
      policies: [policy({ disruption: OPEN, pools: [pool("spot", priced)], ...options })],
      memory: remembered,
    });
  const movable = (forMs: number): Memory => ({
    ...memory({}),
    nodes: {
      n1: { idleSince: null, lastReportAt: null, emptySince: null, movableSince: epochMs(NOW - forMs) },
    },
  });
  const CONSOLIDATES = { consolidation: { enabled: true, afterSeconds: 600 } };

  test("goes when it is too old, as its pods allow (A27)", () => {
    expect(going(two({}, { expireAfterSeconds: 3600 }))).toEqual([["n1", "drain", "Expired"]]);
    expect(going(two({}, { expireAfterSeconds: 7 * 86_400 }))).toEqual([]);
  });
  test("whose agent has been silent for a minute is emptied by the coordinator", () => {
    const silent = reported({
      mean: 0.5,
      ageMs: MINUTE + 1,
      since: [digest(NOW - MINUTE - 1, { mean: 0.5 })],
    });
    expect(going(two({ telemetry: silent }, { expireAfterSeconds: 3600 }))).toEqual([
      ["n1", "walk", "Expired"],
    ]);
  });
  test("goes when its pods have had a place elsewhere for long enough (A28)", () => {
    expect(going(two({}, CONSOLIDATES, movable(10 * MINUTE)))).toEqual([["n1", "drain", "Movable"]]);
    const [move] = shrinks(decide(two({}, CONSOLIDATES, movable(10 * MINUTE))));
    expect(move?.because).toEqual([{ code: "movable", node: "n1", forMs: 10 * MINUTE, savesUsdPerHour: 4 }]);
    expect(holdCodes(decide(two({}, CONSOLIDATES, movable(9 * MINUTE))))).toContain("movable-too-short");
  });
  test("has its time of being movable remembered, and forgotten when it ends", () => {
    const first = decide(two({}, CONSOLIDATES));
    expect(first.memory.nodes["n1"]?.movableSince).toBe(NOW);
    const off = decide(two({}, {}, movable(5 * MINUTE)));
    expect(off.memory.nodes["n1"]?.movableSince).toBeUndefined();
  });
  test("of unknown price saves nothing that anybody could tell", () => {
    const unpriced = decide(two({}, { ...CONSOLIDATES, pools: [pool("spot")] }, movable(HOUR)));
    expect(shrinks(unpriced)).toEqual([]);
    expect(holdCodes(unpriced)).toContain("not-cheaper");
  });
  test("goes above a schedule's cap that allows disruption, and only until the cap holds", () => {
    const always = {
      name: "night",
      timeZone: "UTC",
      start: "0 0 * * *",
      durationSeconds: 86_400,
      pools: [],
      minNodes: 0,
      readyBy: false,
      suspend: false,
      priority: 0,
    };
    const capped = (allowDisruption: boolean) =>
      snapshot({
        nodes: ["n1", "n2", "n3"].map((name) => node(name, { telemetry: busy })),
        pods: ["n1", "n2", "n3"].map((name) => pod(`p-${name}`, { node: name })),
        policies: [policy({ disruption: OPEN, schedules: [{ ...always, maxNodes: 2, allowDisruption }] })],
      });
    const moves = shrinks(decide(capped(true)));
    expect(moves.map(({ because, disruption }) => [disruption, because])).toEqual([
      ["Movable", [{ code: "schedule-cap", schedule: "night", maximum: 2 }]],
    ]);
    expect(shrinks(decide(capped(false)))).toEqual([]);
  });
  test("that is ill goes although it is busy, once its pods have a place", () => {
    const ill = { gpuHealth: { verdict: "ill", since: epochMs(NOW - MINUTE), detail: "XID 79" } } as const;
    const health = { replace: "Replace", maxUnhealthyPercent: 100 } as const;
    expect(going(two(ill, { health }))).toEqual([["n1", "drain", "Unhealthy"]]);
    expect(going(two(ill, {}))).toEqual([]);
  });
  test("that has not been Ready for ten minutes goes whatever its pods say, emptied by the coordinator", () => {
    const down = { ready: "unknown", readyChangedAt: epochMs(NOW - 10 * MINUTE) } as const;
    const input = two(down, { health: { replace: "Replace", maxUnhealthyPercent: 100 } });
    const alone = { ...input, pods: input.pods.map((each) => ({ ...each, owner: null })) };
    expect(going(alone)).toEqual([["n1", "walk", "Unhealthy"]]);
  });
});

test("an ill node at the minimum is replaced before it goes", () => {
  const input = (nodes: readonly NodeInput[]) =>
    snapshot({
      nodes,
      policies: [
        policy({
          pools: [pool("spot", { minSize: 2 })],
          disruption: OPEN,
          health: { replace: "Replace", maxUnhealthyPercent: 100 },
        }),
      ],
    });
  const ill = { ...node("n1", { ready: "unknown" }), readyChangedAt: epochMs(NOW - HOUR) };
  const first = decide(input([ill, node("n2")]));
  expect(first.plan.moves).toMatchObject([
    {
      kind: "grow",
      from: 2,
      to: 3,
      because: [{ code: "below-minimum", scope: "pool", size: 1, minimum: 2 }],
    },
  ]);
  const then = decide(input([ill, node("n2"), node("n3")]));
  expect(then.plan.moves).toMatchObject([
    { kind: "shrink", node: "n1", from: 3, to: 2, disruption: "Unhealthy" },
  ]);
});

describe("a member that never became a node", () => {
  const stuck = (options: PolicyOptions = {}, agoMs = 16 * MINUTE) =>
    snapshot({
      nodes: [node("n1"), node("n2"), node("n3")],
      policies: [
        policy({
          pools: [
            pool("spot", {
              size: 4,
              instances: [
                ...["n1", "n2", "n3"].map((name) => ({
                  id: `i-${name}`,
                  node: name,
                  state: "ready" as const,
                })),
                { id: "i-lost", node: null, state: "booting", createdAt: epochMs(NOW - agoMs) },
              ],
            }),
          ],
          disruption: OPEN,
          ...options,
        }),
      ],
    });
  test("leaves its group by its own name", () => {
    expect(decide(stuck()).plan.moves).toMatchObject([
      {
        kind: "release",
        key: "demo/spot/release/i-lost",
        instance: "i-lost",
        from: 4,
        to: 3,
        because: [{ code: "never-registered", instance: "i-lost" }],
      },
    ]);
    expect(decide(stuck({}, 14 * MINUTE)).plan.moves).toEqual([]);
  });
  test("stays while removals are frozen, with the reason", () => {
    const frozen = decide(stuck({ disruption: { ...OPEN, freeze: true } }));
    expect(frozen.plan.moves).toEqual([]);
    expect(holdCodes(frozen)).toContain("frozen");
  });
});

describe("an empty node", () => {
  test("is one that has only pods whose work nobody would miss, but those have to leave", () => {
    const input = snapshot({
      nodes: [node("n1")],
      pods: [pod("filler", { node: "n1", priority: -100, owner: null })],
      memory: memory({ n1: { emptyMs: HOUR } }),
    });
    expect(going(input)).toEqual([["n1", "walk", "Empty"]]);
  });
  test("is one whose last pod hangs long after its end", () => {
    const hangs = (agoMs: number) =>
      snapshot({
        nodes: [node("n1")],
        pods: [{ ...pod("p", { node: "n1", terminating: true }), endsAt: epochMs(NOW - agoMs) }],
        memory: memory({ n1: { emptyMs: HOUR } }),
      });
    expect(going(hangs(MINUTE + 1))).toEqual([["n1", "empty", "Empty"]]);
    expect(going(hangs(MINUTE))).toEqual([]);
  });
});

describe("the return to spot", () => {
  const onDemand = pool("od", { capacityType: "on-demand" });
  const returning = (options: PolicyOptions & { readonly failedAgoMs?: number } = {}) => {
    const { failedAgoMs, ...spec } = options;
    const offerings =
      failedAgoMs === undefined
        ? []
        : [
            {
              offering: "*|*|spot",
              kind: "no-capacity" as const,
              failures: 1,
              lastAt: epochMs(NOW - failedAgoMs),
              until: epochMs(NOW - failedAgoMs + MINUTE),
              detail: "",
            },
          ];
    return snapshot({
      nodes: [node("o1", { pool: "od" }), node("o2", { pool: "od" })],
      policies: [
        policy({
          pools: [pool("spot"), pool("od", { capacityType: "on-demand" })],
          spot: { diversify: true, onDemandFloorGpus: 0, rebalance: "Report", returnAfterSeconds: 1800 },
          disruption: OPEN,
          journal: { offerings },
          ...spec,
        }),
      ],
      memory: memory({ o1: { emptyMs: 2 * MINUTE }, o2: { emptyMs: 2 * MINUTE } }),
    });
  };
  test("lets one on-demand node above its share go when its work has ended, not both", () => {
    const moves = shrinks(decide(returning()));
    expect(moves.map(({ node: name, disruption, because }) => [name, disruption, because])).toEqual([
      ["o1", "Return", [{ code: "return-to-spot", node: "o1", share: ratio(1), target: ratio(0.4) }]],
    ]);
  });
  test.each([
    ["a spot offering has failed within the time", returning({ failedAgoMs: 20 * MINUTE })],
    ["spot is switched off", returning({ enableSpotInstances: false })],
    [
      "a node of the pool went within the time",
      returning({ journal: { lastDownAt: { od: epochMs(NOW - 20 * MINUTE) } } }),
    ],
    ["the share allows it", returning({ spotInstancePercentage: 0 })],
    ["no spot pool may have one more", returning({ pools: [pool("spot", { maxSize: 0 }), onDemand] })],
    ["spot has no GPUs", returning({ pools: [pool("spot", { gpus: 0 }), onDemand] })],
    [
      "spot has another GPU",
      returning({
        pools: [
          pool("spot", { fields: { gpuType: "nvidia-a10g" } }),
          pool("od", { capacityType: "on-demand", fields: { gpuType: "nvidia-h100" } }),
        ],
      }),
    ],
  ])("does not happen while %s", (_why, input) => {
    expect(shrinks(decide(input))).toEqual([]);
  });
  test("begins once the failure is long past", () => {
    expect(shrinks(decide(returning({ failedAgoMs: 31 * MINUTE })))).toHaveLength(1);
  });
});

describe("the order (F15)", () => {
  const first = (input: Parameters<typeof decide>[0]) => shrinks(decide(input))[0]?.node;
  const emptied = (pools: Parameters<typeof policy>[0], names: Readonly<Record<string, string>>) =>
    snapshot({
      nodes: Object.entries(names).map(([name, of]) => node(name, { pool: of })),
      policies: [policy({ disruption: OPEN, minNodes: Object.keys(names).length - 1, ...pools })],
      memory: memory(Object.fromEntries(Object.keys(names).map((name) => [name, { emptyMs: HOUR }]))),
    });
  test("empty spot goes before on-demand, and that before reserved", () => {
    const pools = [
      pool("r", { capacityType: "reserved" }),
      pool("o", { capacityType: "on-demand" }),
      pool("spot"),
    ];
    expect(first(emptied({ pools }, { a: "r", b: "o", c: "spot" }))).toBe("c");
    expect(first(emptied({ pools }, { a: "r", b: "o" }))).toBe("b");
  });
  test("what is only recommended comes after what is done, and takes no room from it", () => {
    const nodes = [node("a1", { pool: "a", telemetry: busy }), node("b1", { pool: "b", telemetry: busy })];
    const old = { disruption: OPEN, expireAfterSeconds: 3600 };
    const input = snapshot({
      nodes,
      pods: [pod("x", { node: "a1", gpus: 0 }), pod("y", { node: "b1", gpus: 0 })],
      policies: [
        policy({ ...old, name: "asks", mode: "Recommend", pools: [pool("a")] }),
        policy({ ...old, name: "does", pools: [pool("b")] }),
      ],
    });
    expect(shrinks(decide(input)).map(({ policy: name, node: of }) => [name, of])).toEqual([["does", "b1"]]);
  });
  test("of one tier the dearest goes first", () => {
    const pools = [
      pool("cheap", { fields: { price: { usdPerHour: 1 } } }),
      pool("dear", { fields: { price: { usdPerHour: 9 } } }),
    ];
    expect(first(emptied({ pools }, { a: "cheap", b: "dear" }))).toBe("b");
  });
  test("of nodes with pods the one that moves the fewest and least important goes first", () => {
    const nodes = ["n1", "n2", "n3"].map((name) => node(name, { telemetry: busy }));
    const on = (...counts: readonly number[]) =>
      snapshot({
        nodes,
        pods: counts.flatMap((count, index) => pods(count, `p${index}`, { node: `n${index + 1}`, gpus: 0 })),
        policies: [policy({ disruption: OPEN, expireAfterSeconds: 3600, minNodes: 2 })],
      });
    expect(first(on(3, 1, 2))).toBe("n2");
    const high = on(1, 1, 1);
    const marked = high.pods.map((each) => (each.node === "n3" ? each : { ...each, class: "high" as const }));
    expect(first({ ...high, pods: marked })).toBe("n3");
  });
});
