import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions } from "../../../test/build/policy.ts";
import { learnedShape, templateShape } from "./shape.ts";

function specOf(options: PoolOptions = {}) {
  const [spec] = policy({ pools: [pool("spot", options)] }).spec.nodePools;
  if (spec === undefined) throw new Error("the policy of this test has no pool");
  return spec;
}

describe("templateShape()", () => {
  test("carries the pool's labels and taints, the pool's name and its tier", () => {
    const taints = [{ key: "gpu", value: "yes", effect: "NoSchedule" as const }];
    expect(templateShape(specOf({ gpus: 4, labels: { team: "ml" }, taints }))).toMatchObject({
      allocatable: { cpu: 96_000, "nvidia.com/gpu": 4, pods: 110 },
      labels: { team: "ml", "gpu-autoscaler.io/pool": "spot", "gpu-autoscaler.io/capacity-type": "spot" },
      taints,
    });
  });

  test("has a kubelet's room for pods where it names none", () => {
    expect(
      templateShape({ ...specOf(), template: { allocatable: { cpu: "4" }, labels: {}, taints: [] } })
        ?.allocatable,
    ).toEqual({ cpu: 4000, pods: 110 });
  });

  test("is null without a template, and for one that cannot be read", () => {
    expect(templateShape(specOf({ gpus: null }))).toBeNull();
    expect(
      templateShape({ ...specOf(), template: { allocatable: { cpu: "lots" }, labels: {}, taints: [] } }),
    ).toBeNull();
  });
});

describe("learnedShape()", () => {
  const seen = (name: string, options = {}, pods: ReturnType<typeof pod>[] = []) => ({
    node: node(name, options),
    pods,
  });

  test("is the largest node, with what all nodes carry", () => {
    const repair = { key: "repair", effect: "NoSchedule" as const };
    const gpu = { key: "gpu", effect: "NoSchedule" as const };
    const sick = seen("n1", { gpus: 7, labels: { disk: "a", zone: "z" }, taints: [gpu, repair] });
    const well = seen("n2", { gpus: 8, labels: { disk: "b", zone: "z" }, taints: [gpu] });
    expect(learnedShape(specOf(), [sick, well])).toMatchObject({
      allocatable: { "nvidia.com/gpu": 8 },
      labels: { zone: "z", "gpu-autoscaler.io/pool": "spot" },
      taints: [gpu],
    });
    expect(learnedShape(specOf(), [sick, well])?.labels).not.toHaveProperty("disk");
  });

  test("leaves out what belongs to one node or passes", () => {
    const taints = [
      "node.kubernetes.io/not-ready",
      "gpu-autoscaler.io/scale-down",
      "gpu-autoscaler.io/spot-interruption",
    ];
    const shape = learnedShape(specOf(), [
      seen("n1", { taints: taints.map((key) => ({ key, effect: "NoSchedule" })) }),
    ]);
    expect(shape?.taints).toEqual([]);
    expect(shape?.labels).not.toHaveProperty("kubernetes.io/hostname");
  });

  test("is what is left for workloads", () => {
    const daemons = [
      pod("ds", { daemon: true, gpus: 0, cpu: 6_000 }),
      pod("static", { mirror: true, gpus: 0, cpu: 1_000 }),
      pod("work", { cpu: 9_000 }),
    ];
    expect(learnedShape(specOf(), [seen("n1", { cpu: 50_000 }, daemons)])?.allocatable["cpu"]).toBe(43_000);
  });

  test("is null where no node is up", () => {
    expect(learnedShape(specOf(), [])).toBeNull();
  });
});
