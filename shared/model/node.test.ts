import { describe, expect, test } from "vitest";

import type { Taint, Toleration } from "./kube.ts";
import {
  capacityTypeOf,
  matchesLabels,
  poolLabelOf,
  readiness,
  tolerates,
  untoleratedTaint,
} from "./node.ts";

const gpuTaint: Taint = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" };

describe("tolerates()", () => {
  test.each<[string, Toleration, boolean]>([
    ["Exists on the key", { key: "nvidia.com/gpu", operator: "Exists" }, true],
    ["Exists without a key", { operator: "Exists" }, true],
    ["Equal with the value", { key: "nvidia.com/gpu", operator: "Equal", value: "present" }, true],
    ["Equal is the default operator", { key: "nvidia.com/gpu", value: "present" }, true],
    ["another value", { key: "nvidia.com/gpu", value: "absent" }, false],
    ["another key", { key: "gpu", operator: "Exists" }, false],
    ["another effect", { key: "nvidia.com/gpu", operator: "Exists", effect: "NoExecute" }, false],
    ["no key and Equal", { operator: "Equal", value: "present" }, false],
  ])("%s", (_, toleration, expected) => {
    expect(tolerates(toleration, gpuTaint)).toBe(expected);
  });
});

describe("questions on a node", () => {
  test("a taint that only prefers never keeps a pod away", () => {
    expect(untoleratedTaint([{ ...gpuTaint, effect: "PreferNoSchedule" }], [])).toBeNull();
    expect(untoleratedTaint([gpuTaint], [])).toEqual(gpuTaint);
  });

  test.each([
    [{ "gpu-autoscaler.io/capacity-type": "reserved", "karpenter.sh/capacity-type": "spot" }, "reserved"],
    [{ "eks.amazonaws.com/capacityType": "SPOT" }, "spot"],
    [{ "cloud.google.com/gke-spot": "true" }, "spot"],
    [{ "kubernetes.azure.com/scalesetpriority": "regular" }, "on-demand"],
    [{ "gpu-autoscaler.io/capacity-type": "cheap" }, null],
    [{}, null],
  ])("capacity type of %j is %s (C35)", (labels, expected) => {
    expect(capacityTypeOf(labels as Record<string, string>)).toBe(expected);
  });

  test("the pool label is read in both spellings, ours first", () => {
    expect(poolLabelOf({ "gpu-autoscaler.io/node-pool": "old" })).toBe("old");
    expect(poolLabelOf({ "gpu-autoscaler.io/node-pool": "old", "gpu-autoscaler.io/pool": "new" })).toBe(
      "new",
    );
    expect(poolLabelOf(undefined)).toBeNull();
  });

  test("readiness is unknown when the kubelet has gone silent", () => {
    const node = (status?: string) => ({
      metadata: { name: "n" },
      status: { conditions: status === undefined ? [] : [{ type: "Ready", status }] },
    });
    expect([node("True"), node("False"), node("Unknown"), node()].map(readiness)).toEqual([
      "ready",
      "not-ready",
      "unknown",
      "unknown",
    ]);
  });

  test("an empty selector matches every node", () => {
    expect(matchesLabels({ a: "1" }, {})).toBe(true);
    expect(matchesLabels(undefined, { a: "1" })).toBe(false);
  });
});
