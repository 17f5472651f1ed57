import { describe, expect, test } from "vitest";

import type { EpochMs } from "../../../shared/model/units.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { memory, notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { decideAndExplain } from "../explained.ts";

const explained = (options: SnapshotOptions) => decideAndExplain(snapshot(options));

/** Pool → code of the first rule that refuses, or "yes". */
function verdicts(options: SnapshotOptions, name = "p"): Readonly<Record<string, string>> {
  const found = explained(options).explain.pod(`default/${name}`);
  return Object.fromEntries(
    (found?.pools ?? []).map(({ pool: id, refusal }) => [id, refusal?.code ?? "yes"]),
  );
}

describe("decideAndExplain()", () => {
  test("decides as decide does", () => {
    const input = snapshot({ nodes: [node("n1")], pods: pods(3, "p", { gpus: 8 }) });
    expect(decideAndExplain(input).decision).toEqual(decide(input));
  });

  test("has nothing to say of a moment that is not known", () => {
    const { explain, decision } = decideAndExplain({ ...snapshot(), at: Number.NaN as EpochMs });
    expect(decision.plan.holds).not.toEqual([]);
    expect([explain.pod("default/p"), explain.node("n1"), explain.pool("demo", "spot")]).toEqual([
      null,
      null,
      null,
    ]);
    expect(explain.waiting()).toEqual([]);
  });
});

describe("pod()", () => {
  test("gives for each pool the first rule that refuses, in the order of the checks", () => {
    const policies = [
      policy({
        pools: [
          pool("small", { gpus: 4 }),
          pool("tainted", { taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }], gpus: 4 }),
          pool("unknown", { gpus: null }),
          pool("full", { maxSize: 0 }),
          pool("open"),
        ],
      }),
    ];
    expect(verdicts({ policies, pods: [pod("p", { gpus: 8 })] })).toEqual({
      "demo/small": "gpus-per-node",
      // Taints are asked before what a node has.
      "demo/tainted": "untolerated-taint",
      "demo/unknown": "template-unknown",
      "demo/full": "at-maximum",
      "demo/open": "yes",
    });
  });

  test("says where the group stands where nothing else is in the way", () => {
    const policies = [
      policy({
        pools: [
          pool("none", { group: { kind: "none" } }),
          pool("missing", { group: { kind: "missing", detail: "no such object" } }),
        ],
      }),
    ];
    expect(verdicts({ policies, pods: [pod("p")] })).toEqual({
      "demo/none": "no-group",
      "demo/missing": "group-missing",
    });
    expect(verdicts({ policies, pods: [pod("p", { gpus: 16 })] })).toMatchObject({
      "demo/none": "gpus-per-node",
    });
  });

  test("names the move that buys its node, the node that has room, and the node that it has", () => {
    const policies = [policy({ pools: [pool("spot")] })];
    const { explain } = explained({
      policies,
      nodes: [node("n1")],
      pods: [pod("here", { node: "n1", gpus: 4 }), pod("a-fits", { gpus: 4 }), pod("b-buys", { gpus: 8 })],
    });
    expect(explain.pod("default/here")).toMatchObject({ answer: "bound", node: "n1", pools: [] });
    expect(explain.pod("default/a-fits")).toMatchObject({ answer: "here", node: "n1" });
    expect(explain.pod("default/b-buys")).toMatchObject({
      answer: "asked",
      move: { kind: "grow", pool: "demo/spot", from: 1, to: 2 },
    });
    expect(explain.pod("default/none")).toBeNull();
  });

  test("does not hold against a pool that the pod's own node is the last that it may have", () => {
    const policies = [policy({ pools: [pool("spot", { maxSize: 1 })] })];
    expect(verdicts({ policies, pods: [pod("p"), pod("q", { gpus: 8 })] })).toEqual({
      "demo/spot": "at-maximum",
    });
    expect(verdicts({ policies, pods: [pod("p")] })).toEqual({ "demo/spot": "yes" });
  });

  test("says of a pod that cannot be read that it cannot", () => {
    const { explain } = explained({ pods: [pod("p", { requests: { "nvidia.com/gpu": Number.NaN } })] });
    expect(explain.pod("default/p")).toMatchObject({
      answer: "none",
      because: [{ code: "malformed" }],
      pools: [],
    });
  });
});

describe("node()", () => {
  const rules: readonly (readonly [string, SnapshotOptions, string])[] = [
    ["is starting", { nodes: [node("n1", { ready: "not-ready", ageMs: MINUTE })] }, "node-booting"],
    ["is under notice", { nodes: [node("n1")], notices: [notice("n1")] }, "node-under-notice"],
    [
      "has not been empty for long",
      { nodes: [node("n1")], memory: memory({ n1: { emptyMs: MINUTE } }) },
      "empty-too-short",
    ],
    ["does not report", { nodes: [node("n1")], pods: [pod("p", { node: "n1" })] }, "telemetry-unknown"],
    [
      "is of a policy that is switched off",
      { nodes: [node("n1")], policies: [policy({ enabled: false })] },
      "disabled",
    ],
  ];
  test.each(rules)("says why it stays: it %s", (_, options, code) => {
    const { explain } = explained(options);
    expect(explain.node("n1")).toMatchObject({ kind: "node", pool: "demo/spot", stays: { code } });
  });

  test("says why it goes, and that nobody asks about one that no policy owns", () => {
    const { explain } = explained({
      nodes: [node("n1", { telemetry: reported() }), node("alone", { pool: null })],
      memory: memory({ n1: { emptyMs: 20 * MINUTE } }),
    });
    expect(explain.node("n1")).toMatchObject({
      moves: [{ kind: "shrink", because: [{ code: "empty", node: "n1" }] }],
      stays: null,
    });
    expect(explain.node("alone")).toMatchObject({ pool: null, moves: [], stays: null });
    expect(explain.node("none")).toBeNull();
  });
});

describe("pool()", () => {
  test("shows what it is, what it was answered, its nodes, and whom it takes and refuses", () => {
    const { explain } = explained({
      policies: [policy({ pools: [pool("spot", { maxSize: 1 })] })],
      nodes: [node("n1")],
      pods: [
        pod("here", { node: "n1", gpus: 8 }),
        ...pods(2, "waits", { gpus: 8 }),
        pod("large", { gpus: 16 }),
        pod("gated", { gpus: 16, waiting: { kind: "gated" } }),
      ],
    });
    expect(explain.pool("demo", "spot")).toMatchObject({
      kind: "pool",
      tier: "spot",
      size: 1,
      ready: 1,
      maxSize: 1,
      offers: { allocatable: { "nvidia.com/gpu": 8 }, source: "node" },
      refusal: { code: "at-maximum" },
      moves: [],
      nodes: [{ node: "n1", pods: 1 }],
      takes: 0,
      refuses: [
        { code: "at-maximum", pods: 2 },
        { code: "gpus-per-node", pods: 2 },
      ],
    });
    expect(explain.pool("demo", "none")).toBeNull();
  });
});

describe("waiting()", () => {
  test("answers every pod without a node once, in order of name, whatever the order of the input", () => {
    const input = [
      pod("b"),
      pod("a", { gpus: 16 }),
      pod("c", { waiting: { kind: "gated" } }),
      pod("d", { node: "n1" }),
    ];
    const nodes = [node("n1")];
    const { explain } = explained({ nodes, pods: input });
    expect(explain.waiting().map((one) => one.pod)).toEqual(["default/a", "default/b", "default/c"]);
    expect(explained({ nodes, pods: input.toReversed() }).explain.waiting()).toEqual(explain.waiting());
  });
});
