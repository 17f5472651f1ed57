import { describe, expect, test } from "vitest";

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions } from "../../../test/build/policy.ts";
import { declaredShape, learnedShape, rememberedShape } from "./shape.ts";

function specOf(options: PoolOptions = {}) {
  const [spec] = policy({ pools: [pool("spot", options)] }).spec.nodePools;
  if (spec === undefined) throw new Error("the policy of this test has no pool");
  return spec;
}

describe("declaredShape()", () => {
  test("carries the pool's labels and taints, the pool's name and its tier", () => {
    const taints = [{ key: "gpu", value: "yes", effect: "NoSchedule" as const }];
    expect(declaredShape("custom", specOf({ gpus: 4, labels: { team: "ml" }, taints }))).toMatchObject({
      allocatable: { cpu: 96_000, "nvidia.com/gpu": 4, pods: 110 },
      labels: { team: "ml", "gpu-autoscaler.io/pool": "spot", "gpu-autoscaler.io/capacity-type": "spot" },
      taints,
    });
  });

  test("has a kubelet's room for pods where it names none", () => {
    expect(
      declaredShape("custom", {
        ...specOf(),
        template: { allocatable: { cpu: "4" }, labels: {}, taints: [] },
      })?.allocatable,
    ).toEqual({ cpu: 4000, pods: 110 });
  });

  test("is null without a template, and for one that cannot be read", () => {
    expect(declaredShape("custom", specOf({ gpus: null }))).toBeNull();
    expect(
      declaredShape("custom", {
        ...specOf(),
        template: { allocatable: { cpu: "lots" }, labels: {}, taints: [] },
      }),
    ).toBeNull();
  });
});

describe("declaredShape() with the catalogue", () => {
  const P3 = { instanceTypes: ["p3.2xlarge"], availabilityZones: ["us-west-2a"] };

  test("is the catalogue's machine where there is no template, with what its nodes will be labelled", () => {
    const taints = [{ key: "gpu", effect: "NoSchedule" as const }];
    expect(declaredShape("aws", specOf({ gpus: null, labels: { team: "ml" }, taints, fields: P3 }))).toEqual({
      allocatable: {
        cpu: 7910,
        memory: 56_786 * 2 ** 20,
        "nvidia.com/gpu": 1,
        pods: 110,
        "ephemeral-storage": 17 * 2 ** 30,
      },
      capacity: {
        cpu: 8000,
        memory: 61 * 2 ** 30,
        "nvidia.com/gpu": 1,
        pods: 110,
        "ephemeral-storage": 17 * 2 ** 30,
      },
      labels: {
        "node.kubernetes.io/instance-type": "p3.2xlarge",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "us-west-2",
        "topology.kubernetes.io/zone": "us-west-2a",
        "nvidia.com/gpu.product": "Tesla-V100-SXM2-16GB",
        "gpu-autoscaler.io/pool": "spot",
        "gpu-autoscaler.io/capacity-type": "spot",
        team: "ml",
      },
      taints,
      source: "catalogue",
    });
  });

  test("lets the template speak of resources, and the catalogue of labels that it leaves out", () => {
    const shape = declaredShape("aws", specOf({ gpus: 4, fields: P3 }));
    expect(shape).toMatchObject({ allocatable: { "nvidia.com/gpu": 4 }, source: "template" });
    expect(shape?.labels).toMatchObject({ "node.kubernetes.io/instance-type": "p3.2xlarge" });
    expect(shape).not.toHaveProperty("capacity");
  });

  test("falls through to the catalogue from a template that nobody can read", () => {
    const template = { allocatable: { cpu: "lots" }, labels: {}, taints: [] };
    expect(declaredShape("aws", { ...specOf({ fields: P3 }), template })?.source).toBe("catalogue");
  });

  test("is null where the catalogue does not have the machine", () => {
    expect(declaredShape("custom", specOf({ gpus: null, fields: P3 }))).toBeNull();
  });

  test("does not say in which of several zones the next node is (B72)", () => {
    const fields = { ...P3, availabilityZones: ["us-west-2a", "us-west-2b", "us-west-2c"] };
    const labels = declaredShape("aws", specOf({ fields }))?.labels;
    expect(labels).not.toHaveProperty(["topology.kubernetes.io/zone"]);
    expect(labels).toMatchObject({ "topology.kubernetes.io/region": "us-west-2" });
  });
});

describe("declaredShape() with what the group says", () => {
  const taint = { key: "gpu", value: "yes", effect: "NoSchedule" as const };
  const GROUP = {
    instanceTypes: ["p3.8xlarge"],
    labels: { team: "ml", disk: "nvme" },
    taints: [taint],
    allocatable: { "nvidia.com/gpu": 4 },
  };

  test("comes after the policy's template, which its labels and taints join", () => {
    const shape = declaredShape("aws", specOf({ gpus: 8, labels: { team: "own" }, taints: [taint] }), GROUP);
    expect(shape).toMatchObject({
      allocatable: { "nvidia.com/gpu": 8 },
      labels: { team: "own", disk: "nvme", "node.kubernetes.io/instance-type": "p3.8xlarge" },
      source: "template",
    });
    // What both name is there once.
    expect(shape?.taints).toEqual([taint]);
  });

  test("comes before the catalogue, which tells the rest of its machines", () => {
    const shape = declaredShape("aws", specOf({ gpus: null }), GROUP);
    expect(shape).toMatchObject({
      allocatable: { "nvidia.com/gpu": 4, cpu: expect.any(Number) as number, pods: 110 },
      taints: [taint],
      source: "group",
    });
    expect(shape?.allocatable["cpu"]).toBeGreaterThan(30_000);
    // Of a machine that the catalogue lacks there is no more than what the group says.
    const own = { ...GROUP, instanceTypes: ["our-box"] };
    expect(declaredShape("aws", specOf({ gpus: null }), own)?.allocatable).toEqual({
      pods: 110,
      "nvidia.com/gpu": 4,
    });
  });

  test("gives the catalogue its instance types where the policy names none", () => {
    const only = { instanceTypes: ["p3.2xlarge"] };
    expect(declaredShape("aws", specOf({ gpus: null }), only)).toMatchObject({
      allocatable: { "nvidia.com/gpu": 1 },
      source: "catalogue",
    });
    const named = specOf({ gpus: null, fields: { instanceTypes: ["p3.8xlarge"] } });
    expect(declaredShape("aws", named, only)?.allocatable).toMatchObject({ "nvidia.com/gpu": 4 });
    expect(declaredShape("aws", specOf({ gpus: null }), { labels: { a: "b" } })).toBeNull();
  });

  test("lies in the region of its group where neither the policy nor a zone names one", () => {
    const group = { aws: { region: "eu-west-1", autoScalingGroup: "a" } };
    const region = (fields: Partial<NodePoolSpec>) =>
      declaredShape("aws", specOf({ fields: { group, ...fields } }))?.labels["topology.kubernetes.io/region"];
    expect([
      region({}),
      region({ region: "us-east-1" }),
      region({ availabilityZones: ["us-west-2a"] }),
    ]).toEqual(["eu-west-1", "us-east-1", "us-west-2"]);
  });

  test("forgets a remembered node once the group makes others", () => {
    const seen = {
      allocatable: { "nvidia.com/gpu": 4 },
      labels: { "node.kubernetes.io/instance-type": "p3.8xlarge" },
      taints: [],
    };
    const kept = (type: string) => rememberedShape("aws", specOf(), seen, { instanceTypes: [type] }) !== null;
    expect([kept("p3.8xlarge"), kept("p3.2xlarge")]).toEqual([true, false]);
  });
});

describe("rememberedShape()", () => {
  const shape = {
    allocatable: { "nvidia.com/gpu": 4 },
    labels: { "node.kubernetes.io/instance-type": "p3.8xlarge" },
    taints: [],
  };
  const kept = (instanceTypes: string[]) =>
    rememberedShape("aws", specOf({ fields: { instanceTypes } }), shape) !== null;

  test("is forgotten once the policy lists other machines", () => {
    expect(kept(["p3.2xlarge"])).toBe(false);
  });

  test("is kept where the policy lists it, lists nothing, or speaks of machines in a way of its own", () => {
    expect([kept(["p3.2xlarge", "p3.8xlarge"]), kept([]), kept(["our-large-one"])]).toEqual([
      true,
      true,
      true,
    ]);
    expect(rememberedShape("aws", specOf(), undefined)).toBeNull();
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

  test("says what DaemonSets take, and what the machine has, by the same node", () => {
    const capacity = { cpu: 96_000, pods: 110 };
    const volumeLimits = { "ebs.csi.aws.com": 25 };
    const largest = seen("n1", { cpu: 50_000 }, [
      pod("ds", { daemon: true, gpus: 0, cpu: 6_000 }),
      pod("work", { cpu: 9_000 }),
    ]);
    expect(
      learnedShape(specOf(), [{ ...largest, node: { ...largest.node, capacity, volumeLimits } }]),
    ).toMatchObject({ overhead: { cpu: 6_000 }, capacity, volumeLimits, source: "node" });
    expect(learnedShape(specOf(), [largest])).not.toHaveProperty("capacity");
  });

  test("of several machines is the smallest, since the group may bring any", () => {
    const type = (name: string) => ({ "node.kubernetes.io/instance-type": name });
    const large = seen("n1", { gpus: 4, labels: type("p3.8xlarge") });
    const small = seen("n2", { gpus: 1, labels: type("p3.2xlarge") });
    const shape = learnedShape(specOf(), [large, small]);
    expect(shape?.allocatable["nvidia.com/gpu"]).toBe(1);
    expect(shape?.labels).not.toHaveProperty(["node.kubernetes.io/instance-type"]);
    expect(learnedShape(specOf(), [small, large])).toEqual(shape);
  });

  test("is null where no node is up", () => {
    expect(learnedShape(specOf(), [])).toBeNull();
  });
});
