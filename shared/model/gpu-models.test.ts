import { describe, expect, test } from "vitest";

import {
  architectureOf,
  GPU_MODELS,
  gpuModelOf,
  gpuModelOfLabels,
  mayBeSameGpu,
  variantsOf,
  vendorOf,
} from "./gpu-models.ts";
import { instanceTypesOf, machineOf } from "./instance-types.ts";

describe("gpuModelOf()", () => {
  test.each([
    // As policies write them.
    ["nvidia-tesla-v100", "V100"],
    ["nvidia-tesla-t4", "T4"],
    ["nvidia-a100", "A100"],
    ["A100", "A100"],
    ["t4", "T4"],
    ["NVIDIA L40S", "L40S"],
    // As the driver prints them.
    ["Tesla T4", "T4"],
    ["Tesla V100-SXM2-16GB", "V100-16GB"],
    ["NVIDIA A100-SXM4-80GB", "A100-80GB"],
    ["NVIDIA A100 80GB PCIe", "A100-80GB"],
    ["NVIDIA A10G", "A10G"],
    ["NVIDIA H100 80GB HBM3", "H100-80GB"],
    ["NVIDIA H100 NVL", "H100-94GB"],
    ["NVIDIA GH200 480GB", "GH200"],
    ["NVIDIA B200", "B200"],
    ["NVIDIA GB200", "GB200"],
    ["NVIDIA B300 SXM6 AC", "B300"],
    ["NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000"],
    ["AMD Instinct MI300X", "MI300X"],
    // As labels write them.
    ["AMD_Instinct_MI300X_OAM", "MI300X"],
    ["NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "A100-40GB"],
    ["NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me-SHARED", "A100-40GB"],
    ["Tesla-T4-SHARED", "T4"],
    ["nvidia-h100-mega-80gb", "H100-80GB"],
    ["nvidia-h200-141gb", "H200"],
    ["rtx-pro-server-6000", "RTX-PRO-6000"],
  ])("reads %s as %s", (text, model) => {
    expect(gpuModelOf(text)).toBe(model);
  });

  test.each(["", "nvidia", "gpu", "A1000", "nvidia-tesla", "T4-2Q", "constructor", "RTX 6000"])(
    "does not guess what %o is",
    (text) => {
      expect(gpuModelOf(text)).toBeNull();
    },
  );

  test("tells apart what only looks alike", () => {
    const names = ["A10", "A10G", "T4", "T4G", "L40", "L40S", "RTX A6000", "Quadro RTX 6000"];
    const more = ["NVIDIA RTX 6000 Ada Generation", "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"];
    const models = [...names, ...more].map(gpuModelOf);
    expect(models).not.toContain(null);
    expect(new Set(models).size).toBe(models.length);
  });

  test("reads each model by its own name", () => {
    for (const model of GPU_MODELS) expect(gpuModelOf(model)).toBe(model);
  });

  test("knows every GPU of the catalogue", () => {
    const types = ["aws", "gcp", "azure"].flatMap((provider) =>
      instanceTypesOf(provider).map((type) => machineOf(provider, type)),
    );
    expect(types.length).toBeGreaterThan(90);
    expect(
      types.filter((found) => found.kind === "unknown" || gpuModelOf(found.machine.gpuModel) === null),
    ).toEqual([]);
  });
});

describe("gpuModelOfLabels()", () => {
  test.each([
    [{ "nvidia.com/gpu.product": "Tesla-T4" }, "T4"],
    [{ "cloud.google.com/gke-accelerator": "nvidia-tesla-p100" }, "P100"],
    [{ "k8s.amazonaws.com/accelerator": "nvidia-tesla-v100" }, "V100"],
    [{ "karpenter.k8s.aws/instance-gpu-name": "a10g" }, "A10G"],
    [{ "karpenter.azure.com/sku-gpu-name": "A100" }, "A100"],
    [{ "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM" }, "MI300X"],
  ])("reads %o", (labels, model) => {
    expect(gpuModelOfLabels(labels)).toBe(model);
  });

  test("believes the driver's name before the cloud's", () => {
    const labels = {
      "karpenter.k8s.aws/instance-gpu-name": "a100",
      "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    };
    expect(gpuModelOfLabels(labels)).toBe("A100-80GB");
  });

  test("goes on where a label names the maker alone, as on AKS, or something else", () => {
    const labels = { "kubernetes.azure.com/accelerator": "nvidia", accelerator: "nvidia-tesla-k80" };
    expect(gpuModelOfLabels(labels)).toBe("K80");
    expect(gpuModelOfLabels({ accelerator: "very-fast" })).toBeNull();
    expect(gpuModelOfLabels(undefined)).toBeNull();
  });
});

test("a name without a memory size may be each of its sizes, and they are not each other", () => {
  expect(mayBeSameGpu("A100", "A100-40GB")).toBe(true);
  expect(mayBeSameGpu("A100-80GB", "A100")).toBe(true);
  expect(mayBeSameGpu("A100-80GB", "A100-40GB")).toBe(false);
  expect(mayBeSameGpu("A10", "A10G")).toBe(false);
  expect(variantsOf("V100")).toEqual(["V100-16GB", "V100-32GB"]);
  expect(variantsOf("T4")).toEqual(["T4"]);
});

test("what sits beside an Arm processor, and who made it", () => {
  expect(
    ["T4G", "GH200", "GB200", "T4"]
      .map((name) => gpuModelOf(name))
      .map((model) => model && architectureOf(model)),
  ).toEqual(["arm64", "arm64", "arm64", "amd64"]);
  expect([vendorOf("MI300X"), vendorOf("B200")]).toEqual(["amd", "nvidia"]);
});
