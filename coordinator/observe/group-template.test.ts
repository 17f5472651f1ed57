import { describe, expect, test } from "vitest";

import { CAPACITY_ANNOTATION, NODE_LABEL } from "../../shared/model/names.ts";
import { clusterApiTemplate, nodePoolTemplate } from "./group-template.ts";

const { cpu, memory, gpuType, gpuCount, labels, taints, pods } = CAPACITY_ANNOTATION;

function annotated(annotations: Readonly<Record<string, string>>) {
  return { metadata: { name: "gpu", annotations } };
}

describe("clusterApiTemplate()", () => {
  test("reads what Cluster Autoscaler reads", () => {
    expect(
      clusterApiTemplate(
        annotated({
          [cpu]: "96",
          [memory]: "1000Gi",
          [gpuType]: "nvidia.com/gpu",
          [gpuCount]: "8",
          [labels]: "tier=spot, gpu=h100",
          [taints]: "nvidia.com/gpu=present:NoSchedule,spot=:NoExecute",
        }),
      ),
    ).toEqual({
      labels: { tier: "spot", gpu: "h100" },
      taints: [
        { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" },
        { key: "spot", effect: "NoExecute" },
      ],
      allocatable: { cpu: 96_000, memory: 1000 * 2 ** 30, pods: 110, "nvidia.com/gpu": 8 },
    });
  });

  test.each([
    ["nothing", {}, null],
    ["GPUs without the rest of the node", { [gpuType]: "nvidia.com/gpu", [gpuCount]: "8" }, null],
    ["an amount that is none", { [cpu]: "many", [memory]: "1Gi" }, null],
    ["a taint without an effect", { [taints]: "spot=yes" }, null],
    ["pods alone", { [pods]: "30" }, null],
  ])("says nothing of %s", (_, annotations, expected) => {
    expect(clusterApiTemplate(annotated(annotations))).toEqual(expected);
  });
});

test("nodePoolTemplate() takes what is required with one value for a label", () => {
  const requirements = [
    { key: NODE_LABEL.instanceType, operator: "In", values: ["p5.48xlarge", "p4d.24xlarge"] },
    { key: "karpenter.sh/capacity-type", operator: "In", values: ["spot"] },
    { key: NODE_LABEL.zone, operator: "NotIn", values: ["us-west-2a"] },
  ];
  const spec = { requirements, taints: [{ key: "gpu", effect: "NoSchedule" as const }] };
  const template = { metadata: { labels: { team: "ml" } }, spec };
  expect(nodePoolTemplate({ metadata: { name: "gpu" }, spec: { template } })).toEqual({
    instanceTypes: ["p5.48xlarge", "p4d.24xlarge"],
    labels: { "karpenter.sh/capacity-type": "spot", team: "ml" },
    taints: spec.taints,
  });
  expect(nodePoolTemplate({ metadata: { name: "gpu" } })).toBeNull();
});
