import { describe, expect, test } from "vitest";

import { instanceTypesOf, isEstimate, listPriceOf, machineOf } from "./instance-types.ts";
import type { CapacityType } from "./node.ts";

const GIB = 2 ** 30;

function known(provider: string, type: string) {
  const found = machineOf(provider, type);
  if (found.kind === "unknown") throw new Error(found.because);
  return found.machine;
}

describe("machineOf()", () => {
  // The rows of requirement A57, and A21's four.
  test.each([
    ["g4dn.xlarge", "T4", 1, 4, 16],
    ["g4dn.2xlarge", "T4", 1, 8, 32],
    ["g4dn.4xlarge", "T4", 1, 16, 64],
    ["g4dn.8xlarge", "T4", 1, 32, 128],
    ["p3.2xlarge", "V100-16GB", 1, 8, 61],
    ["p4d.24xlarge", "A100-40GB", 8, 96, 1152],
  ])("knows %s: %s × %i, %i CPUs, %i GiB", (type, gpuModel, gpus, cpus, gib) => {
    expect(known("aws", type)).toMatchObject({
      gpuModel,
      gpus,
      cpuMillis: cpus * 1000,
      memoryBytes: gib * GIB,
    });
  });

  test("says what is left for pods only where the source does", () => {
    expect(known("aws", "g4dn.xlarge").allocatable).toEqual({
      cpuMillis: 3920,
      memoryBytes: 14481 * 2 ** 20,
    });
    expect(known("gcp", "a2-highgpu-1g")).not.toHaveProperty("allocatable");
  });

  test("leaves the size of a GPU's memory open where the source does", () => {
    expect(known("azure", "Standard_NC6s_v3")).not.toHaveProperty("gpuMemoryBytesEach");
    expect(known("azure", "Standard_NC6s_v3").gpuModel).toBe("V100");
    expect(known("gcp", "a2-ultragpu-1g")).toMatchObject({
      gpuModel: "A100-80GB",
      gpuMemoryBytesEach: 80 * GIB,
    });
  });

  test.each([
    ["aws", "p3.2xlrge", ["p3.2xlarge"]],
    ["gcp", "g2-standard-6", ["g2-standard-16", "g2-standard-4", "g2-standard-8"]],
    ["azure", "standard_nc6s_v3", ["Standard_NC6s_v3", "Standard_NC12s_v3", "Standard_NC24s_v3"]],
    ["azure", "NC96ads_A100_v4", ["Standard_NC96ads_A100_v4"]],
    ["aws", "m5.large", []],
    ["aws", "x".repeat(100_000), []],
  ])("of %s has no %s and offers %o", (provider, type, nearest) => {
    const found = machineOf(provider, type);
    expect(found).toMatchObject({ kind: "unknown", nearest });
  });

  test("names the cloud that has it", () => {
    expect(machineOf("gcp", "p3.2xlarge")).toMatchObject({
      because: "p3.2xlarge is a machine of aws, not of gcp",
    });
  });

  test.each(["custom", "constructor", "__proto__"])("has nothing of the provider %s", (provider) => {
    expect(machineOf(provider, "constructor")).toEqual({
      kind: "unknown",
      because: `the catalogue has no machine constructor of ${provider}`,
      nearest: [],
    });
    expect(instanceTypesOf(provider)).toEqual([]);
  });
});

describe("listPriceOf()", () => {
  test.each([
    ["g4dn.xlarge", 0.526],
    ["g4dn.2xlarge", 0.752],
    ["p3.2xlarge", 3.06],
  ])("knows the on-demand price of %s", (type, usdPerHour) => {
    expect(listPriceOf("aws", "us-west-2", type, "on-demand")).toMatchObject({ kind: "known", usdPerHour });
  });

  test("carries the source and its day, and says that AWS's spot price is an estimate", () => {
    expect(listPriceOf("aws", "us-east-1", "p3.2xlarge", "spot")).toEqual({
      kind: "known",
      usdPerHour: 0.612,
      source: "catalogue: estimate: on-demand less the mean saving of the AWS Spot Advisor",
      at: Date.UTC(2025, 5, 28),
    });
  });

  test("an estimate is told from what somebody asks for it", () => {
    const sourceOf = (provider: string, region: string, type: string, tier: CapacityType): string => {
      const price = listPriceOf(provider, region, type, tier);
      return price.kind === "known" ? price.source : "unknown";
    };
    expect(isEstimate(sourceOf("aws", "us-east-1", "p3.2xlarge", "spot"))).toBe(true);
    expect(isEstimate(sourceOf("aws", "us-east-1", "p3.2xlarge", "on-demand"))).toBe(false);
    expect(isEstimate("aws spot price history")).toBe(false);
  });

  test.each([
    ["eu-north-1", "p3.2xlarge", "on-demand"],
    ["us-east-1", "p3.2xlarge", "reserved"],
    ["us-east-1", "m5.large", "on-demand"],
    ["toString", "p3.2xlarge", "spot"],
  ] as const)("takes nothing over for %s %s %s", (region, type, tier) => {
    expect(listPriceOf("aws", region, type, tier)).toEqual({
      kind: "unknown",
      because: `the catalogue has no ${tier} price of ${type} in aws ${region}`,
    });
  });
});
