import { describe, expect, test } from "vitest";

import { policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { assemble } from "./fleet.ts";
import { knownMachine } from "./machine.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function of(provider: string, ...instanceTypes: string[]) {
  return knownMachine(provider, instanceTypes);
}

describe("knownMachine()", () => {
  test("of several types is the least of each resource, with the labels in which they agree", () => {
    const machine = of("aws", "p3.8xlarge", "p3.2xlarge", "g4dn.2xlarge");
    expect(machine?.allocatable).toMatchObject({ cpu: 7910, memory: 29_636 * MIB, "nvidia.com/gpu": 1 });
    expect(machine?.labels).toEqual({ "kubernetes.io/arch": "amd64" });
    expect(of("aws", "p3.2xlarge", "p3.8xlarge")?.labels).toEqual({
      "kubernetes.io/arch": "amd64",
      "nvidia.com/gpu.product": "Tesla-V100-SXM2-16GB",
    });
    expect(of("aws", "g4dn.2xlarge", "p3.2xlarge", "p3.8xlarge")).toEqual(machine);
  });

  test("leaves out a type that the catalogue does not have, and is null with no other", () => {
    expect(of("aws", "m5.large", "p3.2xlarge")).toEqual(of("aws", "p3.2xlarge"));
    expect(of("aws", "m5.large")).toBeNull();
    expect(of("aws")).toBeNull();
  });

  // 12 CPUs keep 60 + 10 + 2 × 5 + 8 × 2.5 = 100 m. Of 85 GiB 7.5 % are never seen, and GKE keeps of the other
  // 78.625 GiB 1 + 0.8 + 0.8 + 62.625 × 0.06 = 6.3575 GiB, and 100 MiB for evictions.
  test("on GCP is what GKE leaves of the machine", () => {
    const machine = of("gcp", "a2-highgpu-1g");
    expect(machine?.capacity).toMatchObject({ cpu: 12_000, memory: 85 * GIB, "nvidia.com/gpu": 1 });
    expect(machine?.allocatable).toMatchObject({
      cpu: 11_900,
      memory: Math.floor((78.625 - 6.3575) * GIB - 100 * MIB),
    });
    expect(machine?.labels["cloud.google.com/gke-accelerator"]).toBe("nvidia-tesla-a100");
    expect(of("gcp", "a3-megagpu-8g")?.labels["cloud.google.com/gke-accelerator"]).toBe(
      "nvidia-h100-mega-80gb",
    );
  });

  // 4 CPUs keep 140 m; of 28 GiB 25.9 are seen, of which 1 + 0.8 + 0.8 + 9.9 × 0.06 GiB and 750 MiB are kept.
  test("on Azure is what AKS leaves of the machine", () => {
    expect(of("azure", "Standard_NC4as_T4_v3")?.allocatable).toMatchObject({
      cpu: 3860,
      memory: Math.floor((25.9 - 3.194) * GIB - 750 * MIB),
    });
  });

  test("does not name the product where makers of a model differ", () => {
    expect(of("azure", "Standard_NC24ads_A100_v4")?.labels).not.toHaveProperty(["nvidia.com/gpu.product"]);
  });
});

describe("a pool of which nobody has seen a node", () => {
  const closedWith = (...instanceTypes: string[]) => {
    const pools = [pool("spot", { gpus: null, fields: { instanceTypes } })];
    const [state] = assemble(snapshot({ policies: [policy({ provider: "aws", pools })] })).pools;
    return { closed: state?.closed, gpus: state?.gpusPerNode };
  };

  test("is open where the catalogue knows its machines", () => {
    expect(closedWith("p3.8xlarge", "m5.large")).toEqual({ closed: null, gpus: 4 });
  });

  test("is closed where nothing is known of them", () => {
    expect(closedWith("m5.large")).toEqual({ closed: { code: "template-unknown" }, gpus: null });
  });
});
