import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { drainState, node, reported } from "../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../test/build/now.ts";
import { pod, pods } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { grows, holdCodes, memory, notice, replaces, shrinks, snapshot } from "../../test/build/snapshot.ts";
import { decide } from "./decide.ts";
import { EMPTY_MEMORY } from "./snapshot-memory.ts";

describe("decide()", () => {
  test("has nothing to do in an empty cluster", () => {
    const decision = decide(snapshot());
    expect(decision.plan).toMatchObject({
      at: NOW,
      moves: [],
      unplaced: [],
      holds: [{ policy: "demo", pool: "spot", because: [{ code: "nothing-to-do" }] }],
    });
    expect(decision.plan.figures).toEqual([
      {
        policy: "demo",
        pools: [
          {
            pool: "spot",
            size: 0,
            ready: 0,
            booting: 0,
            standing: { ready: 0, draining: 0, booting: 0, sick: 0, leaving: 0 },
            backEnd: "scale",
            price: null,
          },
        ],
        utilization: null,
        pendingPods: 0,
        underutilizedNodes: 0,
        unknownNodes: 0,
        upCooldownMs: { spot: 0 },
        downCooldownMs: { spot: 0 },
      },
    ]);
    expect(decide(snapshot({ policies: [] })).plan).toMatchObject({ moves: [], holds: [], figures: [] });
  });

  test("takes notices before pods that wait, pods before floors, floors before use", () => {
    // One node may be added, and all four want it.
    const wanting = (options: {
      readonly notices?: boolean;
      readonly waits?: boolean;
      readonly minNodes?: number;
    }) => {
      const decision = decide(
        snapshot({
          policies: [policy({ maxNodes: 2, minNodes: options.minNodes ?? 0 })],
          nodes: [node("n1", { telemetry: reported({ mean: 1, busiest: 1 }) })],
          pods: [
            pod("runs", { node: "n1", gpus: 8 }),
            ...(options.waits === true ? [pod("waits", { gpus: 8 })] : []),
          ],
          notices: options.notices === true ? [notice("n1")] : [],
        }),
      );
      return decision.plan.moves.map((move) => move.because[0]?.code);
    };
    expect(wanting({ notices: true, waits: true, minNodes: 2 })).toEqual(["interruption"]);
    expect(wanting({ waits: true, minNodes: 2 })).toEqual(["pending-pods"]);
    expect(wanting({ minNodes: 2 })).toEqual(["below-minimum"]);
    expect(wanting({})).toEqual(["utilization-high"]);
  });

  test("moves of one pool follow from each other", () => {
    const decision = decide(
      snapshot({
        nodes: [node("n1")],
        notices: [notice("n1")],
        pods: [pod("runs", { node: "n1", gpus: 8 }), ...pods(2, "waits", { gpus: 8 })],
      }),
    );
    expect(decision.plan.moves.map(({ kind, from, to }) => [kind, from, to])).toEqual([
      ["replace", 1, 2],
      ["grow", 2, 4],
    ]);
  });

  test("gives a growth another key once the last one is done, and the same one until then", () => {
    const key = (journal = {}) =>
      grows(decide(snapshot({ policies: [policy({ journal })], pods: [pod("p")] })))[0]?.key;
    expect(key()).toBe("demo/spot/grow/pending-pods-0-1-after-0");
    expect(key()).toBe(key());
    expect(key({ lastUpAt: { spot: epochMs(NOW - 60 * MINUTE) } })).not.toBe(key());
  });

  test("decides for each policy on its own", () => {
    const policies = [
      policy({ name: "a", minNodes: 1, pools: [pool("x")] }),
      policy({ name: "b", enabled: false, pools: [pool("y")] }),
    ];
    const decision = decide(snapshot({ policies }));
    expect(grows(decision).map((move) => move.policy)).toEqual(["a"]);
    expect(holdCodes(decision, "y", "b")).toEqual(["disabled"]);
  });

  test("answers in the first moments after 1970 as at any other time", () => {
    const early = { ...snapshot({ pods: [pod("p")] }), at: epochMs(0.5) };
    expect(decide(early).plan.holds.map(({ pool: name }) => name)).toEqual(["spot"]);
  });

  test("a snapshot without a time is answered by holds alone", () => {
    const decision = decide({ ...snapshot({ pods: [pod("p")] }), at: Number.NaN as typeof NOW });
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toEqual(["malformed"]);
    expect(decision.memory).toEqual(EMPTY_MEMORY);
  });

  test("names that come twice count once", () => {
    const twice = [pod("p", { gpus: 8 }), pod("p", { gpus: 8 })];
    expect(grows(decide(snapshot({ pods: twice })))[0]).toMatchObject({ from: 0, to: 1 });
  });
});

describe("figures", () => {
  test("count pods that wait, young ones included, nodes that are idle or empty long enough, and nodes that do not report", () => {
    const decision = decide(
      snapshot({
        nodes: [node("n1", { telemetry: reported({ busiest: 0.01 }) }), node("n2"), node("n3")],
        pods: [
          pod("young", { waitedMs: SECOND, gpus: 9 }),
          pod("waits", { waitedMs: SECOND }),
          pod("cpu", { gpus: 0 }),
          pod("a", { node: "n1" }),
        ],
        memory: memory({ n1: { idleMs: 11 * MINUTE }, n2: { emptyMs: 6 * MINUTE }, n3: { emptyMs: MINUTE } }),
      }),
    );
    // The pod of 9 GPUs fits no pool of the policy, so it is not a pod that the policy keeps waiting.
    expect(decision.plan.figures[0]).toMatchObject({
      pendingPods: 1,
      underutilizedNodes: 2,
      unknownNodes: 2,
    });
  });

  test("count each node of a pool in one state", () => {
    const decision = decide(
      snapshot({
        nodes: [
          node("up"),
          node("cordoned", { unschedulable: true }),
          node("warned"),
          node("drained", { drainState: drainState() }),
          node("young", { ready: "not-ready", ageMs: SECOND }),
          node("old", { ready: "unknown" }),
        ],
        notices: [notice("warned")],
      }),
    );
    expect(decision.plan.figures[0]?.pools[0]).toMatchObject({
      ready: 4,
      standing: { ready: 2, draining: 2, booting: 1, sick: 1, leaving: 0 },
    });
  });

  test("leave a size that is not known unknown", () => {
    const policies = [policy({ pools: [pool("spot", { group: { kind: "unknown", detail: "timeout" } })] })];
    expect(decide(snapshot({ policies })).plan.figures[0]?.pools[0]?.size).toBeNull();
  });
});

describe("memory", () => {
  test("forgets nodes that are gone and keeps the shape of a pool that is empty", () => {
    const first = decide(snapshot({ nodes: [node("n1", { gpus: 4 })] })).memory;
    expect(Object.keys(first.nodes)).toEqual(["n1"]);
    const second = decide(snapshot({ memory: first })).memory;
    expect(second.nodes).toEqual({});
    expect(second.shapes["demo/spot"]?.allocatable["nvidia.com/gpu"]).toBe(4);
  });

  test("keeps shapes of a policy that cannot be read for a while, not of one that is gone", () => {
    const first = decide(snapshot({ nodes: [node("n1")] })).memory;
    const broken = {
      kind: "invalid",
      name: "demo",
      problems: ["spec.provider: is required"],
      pools: ["spot"],
    } as const;
    expect(Object.keys(decide(snapshot({ policies: [broken], memory: first })).memory.shapes)).toEqual([
      "demo/spot",
    ]);
    expect(decide(snapshot({ policies: [], memory: first })).memory.shapes).toEqual({});
  });

  test("keeps no timer while a list is incomplete", () => {
    const unsynced = { kind: "unsynced", missing: ["pods"] } as const;
    const before = memory({ n1: { emptyMs: 60 * MINUTE } });
    expect(decide(snapshot({ sync: unsynced, nodes: [node("n1")], memory: before })).memory.nodes).toEqual(
      {},
    );
  });

  test("counts the time that nodes are missing only while their number stands still", () => {
    const asked = (size: number, before = EMPTY_MEMORY, at: number = NOW) =>
      decide(snapshot({ at, policies: [policy({ pools: [pool("spot", { size })] })], memory: before }))
        .memory;
    const first = asked(2);
    expect(first.launches).toEqual({ "demo/spot": { missing: 2, since: NOW } });
    expect(asked(2, first, NOW + MINUTE).launches).toEqual(first.launches);
    expect(asked(3, first, NOW + MINUTE).launches).toEqual({
      "demo/spot": { missing: 3, since: NOW + MINUTE },
    });
    expect(asked(0, first, NOW + MINUTE).launches).toEqual({});
  });

  test("remembers since when nodes are missing over a time in which nobody can read the size", () => {
    const launches = { "demo/spot": { missing: 2, since: epochMs(NOW - 14 * MINUTE) } };
    const unreadable = pool("spot", { group: { kind: "unknown", detail: "machines: not listed yet" } });
    const before = { ...EMPTY_MEMORY, launches };
    const input = snapshot({ policies: [policy({ pools: [unreadable] })], memory: before });
    expect(decide(input).memory.launches).toEqual(launches);
  });

  test("an interruption is answered in the same cycle with memory lost and telemetry away", () => {
    const input = snapshot({
      nodes: [node("n1")],
      notices: [notice("n1")],
      pods: [pod("runs", { node: "n1" })],
      memory: EMPTY_MEMORY,
    });
    expect(replaces(decide(input))).toHaveLength(1);
    expect(shrinks(decide(input))).toEqual([]);
  });
});
