// The labels by which a node will name its GPU, as far as they are certain before it exists: for pods that select
// them. A label that differs between makers of the same model (SXM or PCIe) stays out, and the pool's own labels say
// it; so does what a shared or cut GPU appends.

import type { GpuModel } from "./gpu-models.ts";
import { NODE_LABEL } from "./names.ts";

/** What GPU feature discovery makes of the driver's name, where every machine of the catalogue has the same card. */
const PRODUCT: Readonly<Partial<Record<GpuModel, string>>> = {
  K80: "Tesla-K80",
  T4: "Tesla-T4",
  "V100-16GB": "Tesla-V100-SXM2-16GB",
  "V100-32GB": "Tesla-V100-SXM2-32GB",
  A10G: "NVIDIA-A10G",
  "A100-40GB": "NVIDIA-A100-SXM4-40GB",
  L4: "NVIDIA-L4",
  L40S: "NVIDIA-L40S",
  "H100-80GB": "NVIDIA-H100-80GB-HBM3",
  H200: "NVIDIA-H200",
  B200: "NVIDIA-B200",
  B300: "NVIDIA-B300-SXM6-AC",
  "RTX-PRO-6000": "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",
};

/** GKE's accelerator types, which it sets on each node of a pool. */
const ON_GKE: Readonly<Partial<Record<GpuModel, string>>> = {
  "A100-40GB": "nvidia-tesla-a100",
  "A100-80GB": "nvidia-a100-80gb",
  L4: "nvidia-l4",
  "H100-80GB": "nvidia-h100-80gb",
};
/** The same GPU with another network has another name there. */
const MEGA_ON_GKE = { prefix: "a3-mega", accelerator: "nvidia-h100-mega-80gb" };

export function gpuLabelsOf(
  provider: string,
  instanceType: string,
  model: GpuModel,
): Readonly<Record<string, string>> {
  const product = PRODUCT[model];
  const accelerator = instanceType.startsWith(MEGA_ON_GKE.prefix) ? MEGA_ON_GKE.accelerator : ON_GKE[model];
  return {
    ...(product === undefined ? {} : { [NODE_LABEL.gpuProduct]: product }),
    ...(provider !== "gcp" || accelerator === undefined ? {} : { [NODE_LABEL.gkeAccelerator]: accelerator }),
  };
}
