import { describe, expect, test } from "vitest";

import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { drainState, node, reported } from "../../../test/build/node.ts";
import type { NodeOptions } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import type { PodOptions } from "../../../test/build/pod.ts";
import { move, policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { notice, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { PodInput } from "../snapshot-pod.ts";

const KEY = "demo/spot/shrink/n1";
const REQUEST = { v: 1, id: "asked", deadline: NOW + HOUR, reason: "", idleBelow: 0.2 } as const;
const asked: NodeOptions = {
  telemetry: reported({ busiest: 0.01 }),
  drainRequest: { kind: "value", value: REQUEST },
};

interface Options extends Omit<SnapshotOptions, "nodes" | "policies"> {
  readonly n1?: NodeOptions;
  readonly move?: Partial<MoveState>;
  readonly policy?: PolicyOptions;
}

/** n1 has been asked to go a minute ago; n2 has room for all but whole nodes. */
function underWay({ n1, move: moved, policy: spec, ...rest }: Options): ReturnType<typeof snapshot> {
  const shrink = move(NOW, {
    key: KEY,
    kind: "shrink",
    node: "n1",
    phase: "draining",
    agoMs: MINUTE,
    disruption: "Idle",
    ...moved,
  });
  return snapshot({
    nodes: [node("n1", { ...asked, ...n1 }), node("n2")],
    policies: [policy({ journal: { moves: [shrink] }, ...spec })],
    ...rest,
  });
}

const on = (options: PodOptions & Partial<PodInput> = {}): readonly PodInput[] => [
  { ...pod("p", { node: "n1", gpus: 0, ...options }), ...(options.gang ? { gang: options.gang } : {}) },
  pod("stays", { node: "n2", owner: null }),
];
const codes = (input: ReturnType<typeof snapshot>): readonly string[] =>
  (decide(input).plan.recalls ?? []).map(({ because }) => because.code);

describe("a removal that nobody has begun", () => {
  test("goes on while nothing stands against it, and the plan says nothing of it", () => {
    expect(decide(underWay({ pods: on() })).plan).not.toHaveProperty("recalls");
    expect(shrinks(decide(underWay({ pods: on() })))).toEqual([]);
  });

  test("is called off by its key, with what stands against it", () => {
    expect(decide(underWay({ pods: on({ owner: { uid: "j", kind: "Job" } }) })).plan.recalls).toEqual([
      {
        policy: "demo",
        pool: "spot",
        key: KEY,
        node: "n1",
        because: { code: "pod-of-job", node: "n1", pod: "default/p" },
      },
    ]);
  });

  test.each<[string, Options]>([
    ["node-pinned", { n1: { annotations: { "karpenter.sh/do-not-disrupt": "true" } } }],
    ["gpu-held", { pods: on({ gpus: 1 }) }],
    [
      "pod-refuses",
      { pods: on({ annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } }) },
    ],
    ["pod-unmanaged", { pods: on({ owner: null }) }],
    ["fits-nowhere-else", { pods: on({ gpus: 8 }), move: { disruption: "Movable" } }],
    ["fits-nowhere-else", { pods: on({ cpu: 95_500 }) }],
  ])("is called off by %s", (code, options) => {
    expect(codes(underWay(options))).toEqual([code]);
  });

  test("that moves pods is not called off for the GPUs that they hold", () => {
    for (const disruption of ["Movable", "Expired"] as const)
      expect(codes(underWay({ pods: on({ gpus: 1 }), move: { disruption } }))).toEqual([]);
  });

  test("is called off before the first eviction where the coordinator itself evicts, and not after it", () => {
    const walk = { n1: { drainRequest: { kind: "none" } } } as const;
    expect(codes(underWay({ ...walk, pods: on({ owner: null }) }))).toEqual(["pod-unmanaged"]);
    const leaving = pod("first", { node: "n1", gpus: 0, terminating: true });
    expect(codes(underWay({ ...walk, pods: [...on({ owner: null }), leaving] }))).toEqual([]);
  });
});

describe("nothing is called off", () => {
  const against = on({ owner: null });
  test.each<[string, Options]>([
    ["once its agent has answered", { n1: { drainState: drainState({ id: "asked" }) } }],
    ["by an answer that cannot be read", { n1: { drainState: { kind: "malformed", why: "" } } }],
    ["on a node that its cloud takes", { notices: [notice("n1")] }],
    ["of a node that is ill", { move: { disruption: "Unhealthy" } }],
    ["by a list that may lack the pod's place", { sync: { kind: "unsynced", missing: ["nodes"] } }],
    ["that has ended", { move: { phase: "failed" } }],
    ["of a growth", { move: { kind: "grow" } }],
  ])("%s", (_when, options) => {
    expect(codes(underWay({ pods: against, ...options }))).toEqual([]);
  });

  test("for an answer that is of an older request: that is none", () => {
    const older = { n1: { drainState: drainState({ id: "older", phase: "cancelled" }) } } as const;
    expect(codes(underWay({ pods: against, ...older }))).toEqual(["pod-unmanaged"]);
  });
});
