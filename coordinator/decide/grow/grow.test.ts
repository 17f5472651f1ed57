import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { comingTo, move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Memory } from "../snapshot-memory.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";

const sizes = (decision: ReturnType<typeof decide>) =>
  grows(decision).map(({ pool: name, from, to }) => [name, from, to]);

describe("growth for pods that wait", () => {
  test("is as many nodes as packing takes: GPUs, cpu and memory of real shapes", () => {
    expect(sizes(decide(snapshot({ pods: pods(9, "p", { gpus: 2 }) })))).toEqual([["spot", 0, 3]]);
    // Two pods of 5 GPUs share no node of 8, whatever 10 ÷ 8 says.
    expect(sizes(decide(snapshot({ pods: pods(2, "p", { gpus: 5 }) })))).toEqual([["spot", 0, 2]]);
    // One GPU each, but each wants 60 of a node's 96 cores.
    expect(sizes(decide(snapshot({ pods: pods(3, "p", { cpu: 60_000 }) })))).toEqual([["spot", 0, 3]]);
  });

  test("carries the pods and why", () => {
    const [grow] = grows(
      decide(snapshot({ pods: [pod("young", { gpus: 4, waitedMs: 3 * MINUTE }), pod("old", { gpus: 4 })] })),
    );
    expect(grow).toMatchObject({ pods: ["default/old", "default/young"], from: 0, to: 1 });
    expect(grow?.because).toEqual([{ code: "pending-pods", pods: 2, gpus: 8, oldestMs: 10 * MINUTE }]);
  });

  test("uses the room that is there first, and says where", () => {
    const decision = decide(
      snapshot({
        nodes: [node("n1")],
        pods: [pod("runs", { node: "n1", gpus: 6 }), pod("small", { gpus: 2 }), pod("big", { gpus: 3 })],
      }),
    );
    expect(sizes(decision)).toEqual([["spot", 1, 2]]);
    expect(grows(decision)[0]?.pods).toEqual(["default/big"]);
    expect(unplacedCodes(decision, "small")).toEqual(["pod-fits-existing"]);
  });

  test.each([
    ["cordoned", { unschedulable: true }],
    ["tainted", { taints: [{ key: "team", value: "a", effect: "NoSchedule" }] }],
    ["not ready for an hour", { ready: "not-ready" }],
    ["being drained", { drainRequest: { kind: "malformed", why: "half a value" } }],
  ] as const)("does not count on a node that is %s", (_case, options) => {
    const nodes = [node("n1", options), node("n2")];
    const waits = [pod("full", { node: "n2", gpus: 8 }), pod("p", { gpus: 8 })];
    expect(sizes(decide(snapshot({ nodes, pods: waits })))).toEqual([["spot", 2, 3]]);
  });

  test("goes to several pools in one decision when the first is full", () => {
    const policies = [
      policy({ pools: [pool("od", { capacityType: "on-demand" }), pool("spot", { maxSize: 2 })] }),
    ];
    const decision = decide(snapshot({ policies, pods: pods(5, "p", { gpus: 8 }) }));
    expect(sizes(decision)).toEqual([
      ["od", 0, 3],
      ["spot", 0, 2],
    ]);
    expect(grows(decision)[1]?.because).toContainEqual({ code: "at-maximum", scope: "pool", maximum: 2 });
  });

  test.each(["spot", "on-demand", "reserved"] as const)("starts a %s pool from zero", (capacityType) => {
    expect(
      sizes(
        decide(snapshot({ policies: [policy({ pools: [pool("a", { capacityType })] })], pods: [pod("p")] })),
      ),
    ).toEqual([["a", 0, 1]]);
  });

  test("knows its shape only after a first node where the policy has no template", () => {
    const policies = [policy({ pools: [pool("spot", { gpus: null })] })];
    const none = decide(snapshot({ policies, pods: [pod("p")] }));
    expect(grows(none)).toEqual([]);
    expect(holdCodes(none)).toEqual(["template-unknown"]);
    expect(unplacedCodes(none, "p")).toEqual(["pool-not-usable"]);
    // The node has gone long ago: that its group has another size is no news.
    const { sizes: _, ...seen } = decide(
      snapshot({ policies, nodes: [node("n1", { gpus: 4 })], pods: [pod("runs", { node: "n1", gpus: 4 })] }),
    ).memory;
    expect(sizes(decide(snapshot({ policies, pods: [pod("p", { gpus: 4 })], memory: seen })))).toEqual([
      ["spot", 0, 1],
    ]);
    expect(
      unplacedCodes(decide(snapshot({ policies, pods: [pod("p", { gpus: 5 })], memory: seen })), "p"),
    ).toEqual(["gpus-per-node"]);
  });

  test("learns what DaemonSet pods take from each node", () => {
    const nodes = [node("n1", { cpu: 10_000 })];
    const standing = [
      pod("ds", { node: "n1", gpus: 0, cpu: 4_000, daemon: true }),
      pod("full", { node: "n1", gpus: 8, cpu: 0 }),
    ];
    const fits = decide(snapshot({ nodes, pods: [...standing, pod("p", { cpu: 6_000 })] }));
    expect(sizes(fits)).toEqual([["spot", 1, 2]]);
    const never = decide(snapshot({ nodes, pods: [...standing, pod("p", { cpu: 6_001 })] }));
    expect(sizes(never)).toEqual([]);
    expect(unplacedCodes(never, "p")).toEqual(["daemon-overhead"]);
  });

  test.each([
    [
      "a taint that it does not tolerate",
      { taints: [{ key: "team", value: "a", effect: "NoSchedule" as const }] },
      {},
      "untolerated-taint",
    ],
    ["a label that the pool lacks", {}, { nodeSelector: { gpu: "h100" } }, "selector-mismatch"],
    ["more GPUs than a node has", {}, { gpus: 9 }, "gpus-per-node"],
    ["more cores than a node has", {}, { cpu: 97_000 }, "too-large"],
    [
      "a MIG profile that the pool does not offer",
      {},
      { requests: { "nvidia.com/mig-1g.10gb": 1 } },
      "no-such-resource",
    ],
  ])("explains a pod that no pool takes: %s", (_case, options, request, code) => {
    const decision = decide(
      snapshot({ policies: [policy({ pools: [pool("spot", options)] })], pods: [pod("p", request)] }),
    );
    expect(grows(decision)).toEqual([]);
    expect(unplacedCodes(decision, "p")).toEqual([code]);
  });

  test("a request that cannot be read is no demand, and others go on", () => {
    const decision = decide(
      snapshot({ pods: [pod("bad", { requests: { "nvidia.com/gpu": Number.NaN } }), pod("good")] }),
    );
    expect(sizes(decision)).toEqual([["spot", 0, 1]]);
    expect(unplacedCodes(decision, "bad")).toEqual(["malformed"]);
  });
});

describe("nodes that are on their way", () => {
  test("an 8 min boot with a 3 min cooldown launches once", () => {
    let memory: Memory = EMPTY_MEMORY;
    const launches: number[] = [];
    let size = 0;
    let lastUpAt: number | null = null;
    for (let ms = 0; ms <= 8 * MINUTE; ms += 10 * SECOND) {
      const at = NOW + ms;
      const decision = decide(
        snapshot({
          at,
          memory,
          policies: [
            policy({
              pools: [pool("spot", { size, instances: comingTo(size) })],
              journal: lastUpAt === null ? {} : { lastUpAt: { spot: epochMs(lastUpAt) } },
            }),
          ],
          pods: pods(3, "p", { gpus: 4 }),
        }),
      );
      const [grow] = grows(decision);
      if (grow !== undefined) {
        launches.push(grow.to);
        size = grow.to;
        lastUpAt = at;
      }
      memory = decision.memory;
    }
    expect(launches).toEqual([2]);
  });

  test("a growth that is written and not yet called counts", () => {
    const moves = [move(NOW, { kind: "grow", phase: "intended", from: 0, to: 1, agoMs: 5 * SECOND })];
    const decision = decide(snapshot({ policies: [policy({ journal: { moves } })], pods: [pod("p")] }));
    expect(grows(decision)).toEqual([]);
    expect(unplacedCodes(decision, "p")).toEqual(["booting"]);
    expect(holdCodes(decision)).toEqual(["booting"]);
  });

  test("more is not asked of a pool before its last growth is settled", () => {
    const moves = [move(NOW, { kind: "grow", phase: "intended", from: 0, to: 1 })];
    const decision = decide(
      snapshot({ policies: [policy({ journal: { moves } })], pods: pods(2, "p", { gpus: 8 }) }),
    );
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision)).toEqual(["move-in-flight", "booting"]);
  });

  test("a group that still reads its old size just after the call has grown all the same", () => {
    const moves = [move(NOW, { kind: "grow", phase: "applied", from: 0, to: 1, agoMs: 5 * SECOND })];
    const policies = [policy({ scaleUpCooldownSeconds: 0, journal: { moves } })];
    expect(grows(decide(snapshot({ policies, pods: [pod("p")] })))).toEqual([]);
  });

  test("nodes that have not come in 15 minutes are given up, and the other pool is asked", () => {
    const policies = [
      policy({
        pools: [pool("spot", { size: 1, instances: comingTo(1) }), pool("od", { capacityType: "on-demand" })],
      }),
    ];
    const missing = (forMs: number): Memory => ({
      ...EMPTY_MEMORY,
      launches: { "demo/spot": { missing: 1, since: epochMs(NOW - forMs) } },
    });
    expect(grows(decide(snapshot({ policies, pods: [pod("p")], memory: missing(14 * MINUTE) })))).toEqual([]);
    const decision = decide(snapshot({ policies, pods: [pod("p")], memory: missing(16 * MINUTE) }));
    expect(sizes(decision)).toEqual([["od", 0, 1]]);
    expect(holdCodes(decision, "spot")).toEqual(["launch-timed-out", "launch-overdue"]);
  });

  test("a Ready node without its GPUs yet counts as on its way, not as a node without GPUs", () => {
    const decision = decide(
      snapshot({ nodes: [node("n1", { gpus: 0, ageMs: 2 * MINUTE })], pods: [pod("p")] }),
    );
    expect(grows(decision)).toEqual([]);
    expect(unplacedCodes(decision, "p")).toEqual(["booting"]);
  });

  test("failed machines are not waited for: another pool is asked at once, their own after a pause", () => {
    const failed = pool("spot", { size: 1, instances: [{ id: "m1", node: null, state: "failed" }] });
    const both = [policy({ pools: [failed, pool("od", { capacityType: "on-demand" })] })];
    expect(sizes(decide(snapshot({ policies: both, pods: [pod("p")] })))).toEqual([["od", 0, 1]]);

    const first = decide(snapshot({ policies: [policy({ pools: [failed] })], pods: [pod("p")] }));
    expect(holdCodes(first)).toEqual(["provider-failing"]);
    const offerings = first.plan.figures[0]?.offerings ?? [];
    const later = [policy({ pools: [failed], journal: { offerings } })];
    const { memory } = first;
    expect(
      sizes(decide(snapshot({ at: NOW + 15 * SECOND, memory, policies: later, pods: [pod("p")] }))),
    ).toEqual([["spot", 1, 2]]);
  });
});

describe("the pause after a growth", () => {
  const recent = (lastUp: number, spec = {}) =>
    policy({
      ...spec,
      journal: { lastUpAt: { spot: epochMs(lastUp) } },
      pools: [pool("spot"), pool("od", { capacityType: "on-demand" })],
    });

  test("holds the pool for its cooldown and sends nobody to a dearer one", () => {
    const decision = decide(snapshot({ policies: [recent(NOW - MINUTE)], pods: [pod("p")] }));
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision, "spot")).toEqual(["cooldown"]);
    expect(holdCodes(decision, "od")).toEqual(["nothing-to-do"]);
    expect(unplacedCodes(decision, "p")).toEqual(["cooldown"]);
  });

  test("is of one pool: pods that only another pool takes do not wait", () => {
    const decision = decide(
      snapshot({
        policies: [recent(NOW - MINUTE)],
        pods: [pod("p", { nodeSelector: { "gpu-autoscaler.io/pool": "od" } })],
      }),
    );
    expect(sizes(decision)).toEqual([["od", 0, 1]]);
  });

  test("ends", () => {
    expect(sizes(decide(snapshot({ policies: [recent(NOW - 3 * MINUTE)], pods: [pod("p")] })))).toEqual([
      ["spot", 0, 1],
    ]);
  });
});

describe("what cannot be sized", () => {
  test.each([
    ["a pool without a group", { group: { kind: "none" } }, "no-group"],
    ["a group that does not exist", { group: { kind: "missing", detail: "404" } }, "group-missing"],
    ["a group that cannot be read", { group: { kind: "unknown", detail: "timeout" } }, "size-unknown"],
    ["a size that is no number", { size: -3 }, "size-unknown"],
  ] as const)("%s holds, and the next pool is asked", (_case, options, code) => {
    const policies = [policy({ pools: [pool("spot", options), pool("od", { capacityType: "on-demand" })] })];
    const decision = decide(snapshot({ policies, pods: [pod("p")] }));
    expect(sizes(decision)).toEqual([["od", 0, 1]]);
    expect(holdCodes(decision, "spot")[0]).toBe(code);
  });

  test("a policy that is switched off does nothing at all", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ enabled: false, pools: [pool("spot", { minSize: 2 })] })],
        pods: [pod("p")],
      }),
    );
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toEqual(["disabled"]);
  });

  test("a policy that cannot be read holds each of its pools", () => {
    const broken = {
      kind: "invalid",
      name: "broken",
      problems: ["spec.minNodes: 5 is above maxNodes 1"],
      pools: ["a", "b"],
    } as const;
    const decision = decide(snapshot({ policies: [broken, policy()], pods: [pod("p")] }));
    expect(sizes(decision)).toEqual([["spot", 0, 1]]);
    expect([holdCodes(decision, "a", "broken"), holdCodes(decision, "b", "broken")]).toEqual([
      ["policy-invalid"],
      ["policy-invalid"],
    ]);
  });

  test("one group behind two pools is left alone, even while it is empty", () => {
    const policies = [policy({ name: "one" }), policy({ name: "two" })];
    const decision = decide(snapshot({ policies, pods: [pod("p")] }));
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision, "spot", "one")).toContain("group-shared");
  });

  test("nothing is sized while a list is incomplete", () => {
    const decision = decide(
      snapshot({
        sync: { kind: "unsynced", missing: ["nodes"] },
        pods: [pod("p")],
        policies: [policy({ minNodes: 3 })],
      }),
    );
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)[0]).toBe("not-synced");
  });
});
