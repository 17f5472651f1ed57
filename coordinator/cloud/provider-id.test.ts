import { describe, expect, test } from "vitest";

import { formatProviderId, parseProviderId, providerIdKey, sameProviderId } from "./provider-id.ts";
import type { ProviderId } from "./provider-id.ts";

const AZURE = "azure:///subscriptions/0000-11/resourceGroups/MC_rg/providers/Microsoft.Compute";

const READ: readonly (readonly [string, ProviderId])[] = [
  [
    "aws:///us-west-2a/i-0123456789abcdef0",
    { scheme: "aws", zone: "us-west-2a", instance: "i-0123456789abcdef0" },
  ],
  [
    "aws:///us-west-2-lax-1a/i-0abcdef12",
    { scheme: "aws", zone: "us-west-2-lax-1a", instance: "i-0abcdef12" },
  ],
  [
    "gce://my-project/us-central1-b/gke-gpu-1a2b",
    { scheme: "gce", project: "my-project", zone: "us-central1-b", instance: "gke-gpu-1a2b" },
  ],
  [
    `${AZURE}/virtualMachineScaleSets/gpu-vmss/virtualMachines/7`,
    {
      scheme: "azure",
      subscription: "0000-11",
      resourceGroup: "MC_rg",
      scaleSet: "gpu-vmss",
      instance: "7",
    },
  ],
  [
    `${AZURE}/virtualMachines/gpu_b1c2`,
    {
      scheme: "azure",
      subscription: "0000-11",
      resourceGroup: "MC_rg",
      scaleSet: null,
      instance: "gpu_b1c2",
    },
  ],
  ["kwok://node-7", { scheme: "kwok", node: "node-7" }],
  ["sim://spot-a/spot-a-bcdfg", { scheme: "sim", group: "spot-a", instance: "spot-a-bcdfg" }],
  ["openstack:///f00-ba4", { scheme: "other", text: "openstack:///f00-ba4" }],
];

describe("a providerID", () => {
  test.each(READ)("%s is read, and written as it was", (text, id) => {
    expect(parseProviderId(text)).toEqual(id);
    expect(formatProviderId(id)).toBe(text);
  });

  test.each([
    "",
    "i-0123456789abcdef0",
    "node-7",
    "aws:",
    "aws:///us-west-2a/",
    "aws:///us-west-2a/0123/fargate-ip-10-0-0-1",
    "aws:///us-west-2a/i-0123/more",
    "aws://us-west-2a/i-0123",
    "gce://project/instance",
    "gce:///zone/instance",
    "gce://project/zone/instance/more",
    "azure:///subscriptions/s/resourceGroups/rg",
    `${AZURE}/virtualMachineScaleSets/gpu-vmss`,
    "kwok://",
    "kwok://a/b",
    "sim://group",
    "sim://group/",
    "openstack:///with space",
  ])("%j names no machine", (text) => {
    expect(parseProviderId(text)).toBeNull();
    expect(providerIdKey(text)).toBeNull();
    expect(sameProviderId(text, text)).toBe(false);
  });

  test.each([
    ["aws:///us-west-2a/i-0abc", "aws:////i-0abc", true],
    ["aws:///us-west-2a/i-0abc", "aws:///us-west-2a/i-0abd", false],
    ["gce://p/z/name", "gce://p/z/Name", false],
    ["gce://p/z/name", "gce://p/other/name", false],
    [
      `${AZURE}/virtualMachines/Gpu`,
      "azure:///subscriptions/0000-11/resourcegroups/mc_RG/providers/microsoft.compute/virtualmachines/gpu",
      true,
    ],
    [
      `${AZURE}/virtualMachineScaleSets/a/virtualMachines/7`,
      `${AZURE}/virtualMachineScaleSets/b/virtualMachines/7`,
      false,
    ],
    [`${AZURE}/virtualMachineScaleSets/a/virtualMachines/7`, `${AZURE}/virtualMachines/7`, false],
    ["kwok:node-7", "kwok://node-7", true],
    ["kwok:node-7", "sim://node-7/node-7", false],
    ["openstack:///F00", "openstack:///f00", false],
    ["openstack:///f00", "openstack:///f00", true],
  ])("%s and %s name the same machine: %s", (a, b, same) => {
    expect(sameProviderId(a, b)).toBe(same);
    expect(sameProviderId(b, a)).toBe(same);
  });
});
