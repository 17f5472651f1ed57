import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Cap } from "../plan.ts";
import type { GroupReading } from "../snapshot.ts";

const itself = (size: number, more: object = {}): GroupReading => ({
  kind: "known",
  size,
  chosenRemoval: true,
  growsItself: true,
  ...more,
});

function managed(size: number, options: PoolOptions = {}) {
  const scale = { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu", manageLimits: true };
  const { fields, ...more } = options;
  return pool("spot", {
    group: itself(size),
    instances: [],
    fields: { group: { scale }, ...fields },
    ...more,
  });
}

function capsOf(options: PolicyOptions, more: SnapshotOptions = {}): readonly Cap[] | undefined {
  return decide(snapshot({ policies: [policy(options)], ...more })).plan.caps;
}

describe("the cap of a pool that grows itself", () => {
  test("is its maximum, and none where nobody asks for it or where we size it", () => {
    expect(capsOf({ pools: [managed(1, { maxSize: 7 })] })).toEqual([
      { policy: "demo", pool: "spot", nodes: 7 },
    ]);
    expect(capsOf({ pools: [pool("spot", { group: itself(1), instances: [] })] })).toBeUndefined();
    const sized = managed(1, { group: { kind: "known", size: 1, chosenRemoval: true } });
    expect(capsOf({ pools: [sized] })).toBeUndefined();
  });

  test("is not the limit that the group has by now, or it would never be raised", () => {
    const pools = [managed(1, { maxSize: 7, group: itself(1, { max: 2 }) })];
    expect(capsOf({ pools })?.[0]?.nodes).toBe(7);
  });

  test("is cut by what the policy's maximum leaves beside the other pools, and never below zero", () => {
    const beside = (size: number) => pool("od", { capacityType: "on-demand", size, instances: [] });
    expect(capsOf({ pools: [managed(1), beside(6)], maxNodes: 9 })?.[0]?.nodes).toBe(3);
    expect(capsOf({ pools: [managed(1), beside(12)], maxNodes: 9 })?.[0]?.nodes).toBe(0);
  });

  test("counts what this decision adds beside it", () => {
    const beside = pool("od", { capacityType: "on-demand", size: 0, instances: [] });
    const options = { pools: [managed(0, { maxSize: 9 }), beside], maxNodes: 6 };
    expect(capsOf(options, { pods: pods(2, "train", { gpus: 8 }) })?.[0]?.nodes).toBe(4);
  });

  test("is cut by the policy's GPUs", () => {
    expect(capsOf({ pools: [managed(1)], maxGpus: 36 })?.[0]?.nodes).toBe(4);
  });

  test("is said in GPUs too where all its machines are of one known type", () => {
    const one = { fields: { instanceTypes: ["gpu-8x"] }, maxSize: 3 };
    expect(capsOf({ pools: [managed(1, one)] })?.[0]?.gpus).toEqual({ "nvidia.com/gpu": 24 });
    const two = { fields: { instanceTypes: ["gpu-8x", "gpu-4x"] }, maxSize: 3 };
    expect(capsOf({ pools: [managed(1, two)] })?.[0]?.gpus).toBeUndefined();
  });

  test.each<[string, PolicyOptions, SnapshotOptions]>([
    ["another pool's size", { pools: [managed(1), pool("od", { group: unread() })] }, {}],
    ["its own size", { pools: [managed(1, { group: unread() })] }, {}],
    ["the cluster", { pools: [managed(1)] }, { sync: { kind: "unsynced", missing: ["nodes"] } }],
  ])("is not guessed where %s is not known", (_, options, more) => {
    expect(capsOf(options, { ...more, nodes: [node("n1")] })).toBeUndefined();
  });
});

function unread(): GroupReading {
  return { kind: "unknown", detail: "it was not read" };
}
