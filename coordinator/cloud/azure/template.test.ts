import { describe, expect, test } from "vitest";

import { GPU_RESOURCE } from "../../../shared/model/names.ts";
import { boundsOf } from "./fitness.ts";
import { parseKey } from "./keys.ts";
import { agentPoolOf, scaleSetOf } from "./reading.ts";
import type { AzureGroupBody } from "./reading.ts";
import { templateOf } from "./template.ts";

const SET = parseKey("rg/vmscaleset/gpu");
const POOL = parseKey("rg/managedcluster/train/agentpool/gpu");
const UNDER = "k8s.io_cluster-autoscaler_node-template_";

function aSet(tags: Readonly<Record<string, string>>, properties: object = {}): AzureGroupBody {
  if (SET.kind !== "scale-set") throw new Error("no set");
  return scaleSetOf(SET, {
    name: "gpu",
    location: "westus3",
    sku: { name: "Standard_NC24ads_A100_v4", tier: "Standard", capacity: 2 },
    tags,
    properties: { provisioningState: "Succeeded", ...properties },
  });
}

function aPool(properties: object): AzureGroupBody {
  if (POOL.kind !== "agent-pool") throw new Error("no pool");
  const all = { count: 2, vmSize: "Standard_NC24ads_A100_v4", provisioningState: "Succeeded", ...properties };
  return agentPoolOf(POOL, { name: "gpu", properties: all }, "westus3");
}

describe("a new node of a scale set", () => {
  test("is of the set's own machine size, without more where no tag says more", () => {
    expect(templateOf(aSet({}))).toEqual({
      template: { instanceTypes: ["Standard_NC24ads_A100_v4"] },
      problems: [],
    });
  });

  test("has what the tags say, in which _ is a slash and ~2 a _", () => {
    const tags = {
      [`${UNDER}label_example.com_team~2a`]: "vision",
      [`${UNDER}taint_nvidia.com_gpu`]: "present:NoSchedule",
      [`${UNDER}resources_cpu`]: "22",
      [`${UNDER}resources_memory`]: "200Gi",
      [`${UNDER}resources_nvidia.com_gpu`]: "1",
    };
    expect(templateOf(aSet(tags))).toEqual({
      template: {
        instanceTypes: ["Standard_NC24ads_A100_v4"],
        labels: { "example.com/team_a": "vision" },
        taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }],
        allocatable: { cpu: 22_000, memory: 200 * 2 ** 30, [GPU_RESOURCE]: 1 },
      },
      problems: [],
    });
  });

  test("goes without what a tag says wrongly, and tells of it", () => {
    const { template, problems } = templateOf(
      aSet({ [`${UNDER}taint_a`]: "b:Sometimes", [`${UNDER}resources_memory`]: "much" }),
    );
    expect(template).toEqual({ instanceTypes: ["Standard_NC24ads_A100_v4"] });
    expect(problems).toMatchObject([
      expect.stringContaining('"b:Sometimes", which is no taint'),
      expect.stringContaining("much"),
    ]);
    expect(templateOf(aSet({ [`${UNDER}resources_cpu`]: "22" })).problems).toEqual([
      expect.stringContaining("add both"),
    ]);
  });
});

describe("a new node of an AKS pool", () => {
  test("has the labels and taints that AKS puts on it", () => {
    const body = aPool({
      scaleSetPriority: "Spot",
      nodeLabels: { team: "vision" },
      nodeTaints: ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule", "alone:NoExecute", "nothing"],
    });
    const { template, problems } = templateOf(body);
    expect(template).toEqual({
      instanceTypes: ["Standard_NC24ads_A100_v4"],
      labels: {
        "kubernetes.azure.com/agentpool": "gpu",
        agentpool: "gpu",
        "kubernetes.azure.com/scalesetpriority": "spot",
        team: "vision",
      },
      taints: [
        { key: "kubernetes.azure.com/scalesetpriority", value: "spot", effect: "NoSchedule" },
        { key: "alone", effect: "NoExecute" },
      ],
    });
    expect(problems).toEqual([expect.stringContaining("the pool's taint nothing")]);
  });
});

describe("bounds", () => {
  test.each([
    ["none", aSet({}), 0, 1000],
    ["of one placement group", aSet({}, { singlePlacementGroup: true }), 0, 100],
    ["by the tags", aSet({ min: "2", max: "9" }), 2, 9],
    [
      "Azure's own before a tag that goes beyond it",
      aSet({ max: "500" }, { singlePlacementGroup: true }),
      0,
      100,
    ],
    ["of a pool", aPool({ mode: "User" }), 0, 1000],
    ["of a system pool, which keeps a node", aPool({ mode: "System" }), 1, 1000],
  ])("%s", (_what, body, min, max) => {
    expect(boundsOf(body)).toEqual({ min, max, problems: [] });
  });

  test("that are no numbers, or cross, bound nothing and are told of", () => {
    expect(boundsOf(aSet({ min: "two", max: "-1" }))).toMatchObject({
      min: 0,
      max: 1000,
      problems: [{}, {}],
    });
    expect(boundsOf(aSet({ min: "9", max: "2" }))).toMatchObject({
      min: 0,
      max: 1000,
      problems: [expect.stringContaining("neither bounds anything")],
    });
  });
});
