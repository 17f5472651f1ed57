// One name for each GPU model, whoever speaks of it: a policy, the driver, a node label, a catalogue. A table, since
// names that look alike are different chips (A10 and A10G, three that end in "RTX 6000"): what does not stand in it
// is not known, and whoever compares models then does not judge.

import { GPU_MODEL_LABELS } from "./names.ts";

/**
 * Model → its other names, lower case, words joined by "-", without a leading "nvidia-" or "amd-". The model's own
 * name counts too. Sources: driver names as nvidia-smi and amd-smi print them, GKE's accelerator types, Karpenter's
 * GPU names on AWS and Azure, the labels of GPU feature discovery, and the names that policies use.
 */
const NAMES = {
  K80: ["tesla-k80"],
  M60: ["tesla-m60"],
  P4: ["tesla-p4"],
  P40: ["tesla-p40"],
  P100: ["tesla-p100", "tesla-p100-pcie-16gb", "tesla-p100-pcie-12gb", "tesla-p100-sxm2-16gb"],
  V100: ["tesla-v100"],
  "V100-16GB": ["tesla-v100-sxm2-16gb", "tesla-v100-pcie-16gb", "tesla-v100-fhhl-16gb"],
  "V100-32GB": [
    "tesla-v100-sxm2-32gb",
    "tesla-v100-sxm3-32gb",
    "tesla-v100-pcie-32gb",
    "tesla-v100s-pcie-32gb",
  ],
  T4: ["tesla-t4"],
  T4G: [],
  A2: [],
  A10: ["tesla-a10", "a10-24q"],
  A10G: ["tesla-a10g"],
  A16: [],
  A30: ["tesla-a30", "a30-24gb", "a30-pcie-24gb"],
  A40: ["tesla-a40"],
  A100: ["tesla-a100"],
  "A100-40GB": ["a100-sxm4-40gb", "a100-pcie-40gb", "a100-40gb-pcie"],
  "A100-80GB": ["tesla-a100-80gb", "a100-sxm4-80gb", "a100-pcie-80gb", "a100-80gb-pcie"],
  L4: ["tesla-l4"],
  L40: [],
  L40S: [],
  H100: [],
  "H100-80GB": ["h100-80gb-hbm3", "h100-pcie", "h100-mega-80gb", "h100-sxm5-80gb"],
  "H100-94GB": ["h100-nvl"],
  GH200: ["gh200-480gb", "gh200-144g-hbm3e", "gh200-120gb"],
  H200: ["h200-141gb", "h200-nvl", "h200-sxm5-141gb"],
  B200: ["b200-180gb"],
  GB200: [],
  B300: ["b300-sxm6-ac"],
  GB300: [],
  "RTX-A4000": ["a4000"],
  "RTX-A5000": ["a5000"],
  "RTX-A6000": ["a6000"],
  "RTX-4000-ADA": ["rtx-4000-ada-generation"],
  "RTX-6000-ADA": ["rtx-6000-ada-generation"],
  "RTX-PRO-6000": [
    "rtx-pro-6000-blackwell-server-edition",
    "rtx-pro-6000-blackwell-workstation-edition",
    "rtx-pro-6000-blackwell-max-q-workstation-edition",
    // AWS's name for the one in g7e.
    "rtx-pro-server-6000",
  ],
  "QUADRO-RTX-6000": [],
  "QUADRO-RTX-8000": [],
  "RTX-3090": ["geforce-rtx-3090"],
  "RTX-4090": ["geforce-rtx-4090"],
  "RTX-5090": ["geforce-rtx-5090"],
  "RADEON-PRO-V520": ["radeon-pro-v520-mxgpu"],
  MI210: ["instinct-mi210"],
  MI250X: ["instinct-mi250x", "instinct-mi250x-mi250"],
  MI300X: ["instinct-mi300x", "instinct-mi300x-oam", "instinct-mi300x-vf"],
  MI325X: ["instinct-mi325x", "instinct-mi325x-oam"],
  MI355X: ["instinct-mi355x", "instinct-mi355x-oam"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type GpuModel = keyof typeof NAMES;

/** Models of one name that differ in memory: whoever says only the name may mean either. */
const VARIANT_OF: Readonly<Partial<Record<GpuModel, GpuModel>>> = {
  "V100-16GB": "V100",
  "V100-32GB": "V100",
  "A100-40GB": "A100",
  "A100-80GB": "A100",
  "H100-80GB": "H100",
  "H100-94GB": "H100",
};

/** GPUs that are built onto, or sold only with, an Arm processor: Grace, and AWS's Graviton with the T4G. */
const ON_ARM: ReadonlySet<GpuModel> = new Set<GpuModel>(["T4G", "GH200", "GB200", "GB300"]);

const OF_AMD: ReadonlySet<GpuModel> = new Set<GpuModel>([
  "RADEON-PRO-V520",
  "MI210",
  "MI250X",
  "MI300X",
  "MI325X",
  "MI355X",
]);

const BY_NAME: ReadonlyMap<string, GpuModel> = new Map(
  Object.entries(NAMES).flatMap(([model, names]) =>
    [model.toLowerCase(), ...names].map((name): [string, GpuModel] => [name, model as GpuModel]),
  ),
);

/** The model that a text names; null: the table does not have it. */
export function gpuModelOf(text: string): GpuModel | null {
  return BY_NAME.get(plainName(text)) ?? null;
}

/** What a node's labels say of its GPUs; null: none of them says anything that the table has. */
export function gpuModelOfLabels(labels: Readonly<Record<string, string>> | undefined): GpuModel | null {
  for (const label of GPU_MODEL_LABELS) {
    const value = labels?.[label];
    const model = value === undefined ? null : gpuModelOf(value);
    if (model !== null) return model;
  }
  return null;
}

/** Whether the two can be the same GPU: "A100" is both of its memory sizes, and they are not each other. */
export function mayBeSameGpu(a: GpuModel, b: GpuModel): boolean {
  return a === b || VARIANT_OF[a] === b || VARIANT_OF[b] === a;
}

/** The models that the name may mean: its memory sizes where it has several, else itself alone. */
export function variantsOf(model: GpuModel): readonly GpuModel[] {
  const variants = GPU_MODELS.filter((other) => VARIANT_OF[other] === model);
  return variants.length > 0 ? variants : [model];
}

export function architectureOf(model: GpuModel): "amd64" | "arm64" {
  return ON_ARM.has(model) ? "arm64" : "amd64";
}

export function vendorOf(model: GpuModel): "nvidia" | "amd" {
  return OF_AMD.has(model) ? "amd" : "nvidia";
}

export const GPU_MODELS: readonly GpuModel[] = Object.keys(NAMES) as GpuModel[];

/**
 * Spelling only: case, blanks, the vendor in front, and what GPU feature discovery appends for MIG and for shared
 * GPUs. Everything else is for the table.
 */
function plainName(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, "-")
    .replace(/-shared$/, "")
    .replace(/-mig-[0-9a-z.+]+$/, "")
    .replace(/^(nvidia|amd)-/, "");
}
