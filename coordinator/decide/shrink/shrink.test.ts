import { describe, expect, test } from "vitest";

import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, memory, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { LAST_RULES, NODE_RULES } from "../rules/index.ts";

/** How old the builder makes the last report. */
const REPORT_AGE = 2_000;
const quiet = reported({ busiest: 0.01 });

describe("removal", () => {
  test("of an empty node needs no agent", () => {
    const [shrink] = shrinks(
      decide(snapshot({ nodes: [node("n1")], memory: memory({ n1: { emptyMs: 5 * MINUTE } }) })),
    );
    expect(shrink).toEqual({
      kind: "shrink",
      key: "demo/spot/shrink/n1",
      policy: "demo",
      pool: "spot",
      from: 1,
      to: 0,
      because: [{ code: "empty", node: "n1", forMs: 5 * MINUTE }],
      node: "n1",
      instance: "i-n1",
      how: "empty",
      disruption: "Empty",
    });
  });

  test("of an idle node with pods asks for a drain", () => {
    const nodes = [node("n1", { telemetry: quiet }), node("n2", { telemetry: quiet })];
    const pods = [pod("web", { node: "n1", gpus: 0 }), pod("holder", { node: "n2" })];
    const [shrink] = shrinks(
      decide(snapshot({ nodes, pods, memory: memory({ n1: { idleMs: 10 * MINUTE + REPORT_AGE } }) })),
    );
    expect(shrink).toMatchObject({
      node: "n1",
      how: "drain",
      because: [{ code: "idle", node: "n1", forMs: 10 * MINUTE, threshold: 0.2 }],
    });
  });

  test("of an idle holder of GPUs is the operator's choice", () => {
    const input = (reclaimIdleHolders: boolean) =>
      snapshot({
        policies: [policy({ reclaimIdleHolders })],
        nodes: [node("n1", { telemetry: quiet }), node("n2", { telemetry: quiet })],
        pods: [pod("a", { node: "n1", gpus: 4 }), pod("b", { node: "n2", gpus: 4 })],
        memory: memory({ n1: { idleMs: 20 * MINUTE } }),
      });
    expect(shrinks(decide(input(false)))).toEqual([]);
    expect(holdCodes(decide(input(false)))).toEqual(["gpu-held", "idle-too-short"]);
    expect(shrinks(decide(input(true))).map(({ node: name, how }) => [name, how])).toEqual([["n1", "drain"]]);
  });

  test("takes empty nodes before idle ones, and the longest first", () => {
    const names = ["n1", "n2", "n3", "n4"];
    const nodes = names.map((name) => node(name, { telemetry: quiet }));
    const pods = [pod("web", { node: "n1", gpus: 0 })];
    const timers = {
      n1: { idleMs: 90 * MINUTE },
      n2: { emptyMs: 6 * MINUTE },
      n3: { emptyMs: 8 * MINUTE },
      n4: { emptyMs: 7 * MINUTE },
    };
    expect(
      shrinks(decide(snapshot({ nodes, pods, memory: memory(timers) }))).map((shrink) => shrink.node),
    ).toEqual(["n3"]);
  });

  test("is of one node for each pool and cycle, and pools do not lean on each other", () => {
    const nodes = [node("a1", { pool: "a", telemetry: quiet }), node("b1", { pool: "b", telemetry: quiet })];
    const pods = [pod("x", { node: "a1", gpus: 0 }), pod("y", { node: "b1", gpus: 0 })];
    const policies = [policy({ pools: [pool("a"), pool("b")] })];
    const decision = decide(
      snapshot({
        nodes,
        pods,
        policies,
        memory: memory({ a1: { idleMs: 20 * MINUTE }, b1: { idleMs: 20 * MINUTE } }),
      }),
    );
    expect(shrinks(decision).map((shrink) => shrink.node)).toEqual(["a1"]);
    // The pod that leaves a1 is planned onto b1.
    expect(holdCodes(decision, "b")).toEqual(["needed-for-pending"]);
  });

  test("of the policy's last spare node happens in one pool only", () => {
    const nodes = [node("a1", { pool: "a" }), node("b1", { pool: "b" })];
    const policies = [policy({ minNodes: 1, pools: [pool("a"), pool("b")] })];
    const decision = decide(
      snapshot({
        nodes,
        policies,
        memory: memory({ a1: { emptyMs: 20 * MINUTE }, b1: { emptyMs: 20 * MINUTE } }),
      }),
    );
    expect(shrinks(decision).map((shrink) => shrink.node)).toEqual(["a1"]);
    expect(holdCodes(decision, "b")).toEqual(["at-minimum"]);
  });

  test("does not come in a cycle that grows the pool", () => {
    const nodes = [node("n1", { labels: { zone: "a" } }), node("n2", { labels: { zone: "b" } })];
    const pods = [
      pod("full", { node: "n2", gpus: 8 }),
      pod("p", { gpus: 8, requests: { "nvidia.com/gpu": 8, cpu: 96_000, pods: 1 }, tolerations: [] }),
    ];
    const cordoned = [node("n1", { unschedulable: true }), nodes[1] ?? node("n2")];
    const decision = decide(
      snapshot({ nodes: cordoned, pods, memory: memory({ n1: { emptyMs: 20 * MINUTE } }) }),
    );
    expect(grows(decision)).toHaveLength(1);
    expect(shrinks(decision)).toEqual([]);
  });

  test("leaves alone a node that two policies claim, and both say so", () => {
    const shared = { group: { kind: "known", size: 1, chosenRemoval: true }, instances: [] } as const;
    const policies = [
      policy({ name: "one", pools: [pool("spot", shared)] }),
      policy({ name: "two", pools: [pool("spot", shared)] }),
    ];
    const decision = decide(
      snapshot({ nodes: [node("n1")], policies, memory: memory({ n1: { emptyMs: 60 * MINUTE } }) }),
    );
    expect(shrinks(decision)).toEqual([]);
    for (const name of ["one", "two"]) expect(holdCodes(decision, "spot", name)).toContain("overlap");
  });

  test("starts its timers again after the clock was set back", () => {
    const ahead = memory({ n1: { emptyMs: 60 * MINUTE } }, NOW + 60 * MINUTE);
    const decision = decide(snapshot({ nodes: [node("n1")], memory: ahead }));
    expect(shrinks(decision)).toEqual([]);
    expect(decision.memory.nodes["n1"]?.emptySince).toBe(NOW);
  });

  test("that is on its way is in the way of no growth for pods", () => {
    const moves = [
      move(NOW, { kind: "shrink", node: "n1", phase: "draining", from: 1, to: 0, agoMs: MINUTE }),
    ];
    const decision = decide(
      snapshot({ nodes: [node("n1")], pods: [pod("p")], policies: [policy({ journal: { moves } })] }),
    );
    expect(grows(decision).map(({ from, to }) => [from, to])).toEqual([[1, 2]]);
  });
});

test("each veto is in the list once", () => {
  const names = [...NODE_RULES, ...LAST_RULES].map((rule) => rule.name);
  expect(new Set(names).size).toBe(names.length);
});
