// The plain names that guides to GPU monitoring use, with the units that those names say. They are what autoscaling
// rules are written against, so each keeps the scale that such rules expect: percents from 0 to 100, memory in MiB.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import { labelsText } from "../../../shared/runtime/exposition.ts";
import { line } from "./family.ts";
import type { Block, Family } from "./family.ts";
import { GPU_LABELS } from "./native-families.ts";
import type { ShownGpu } from "./shown.ts";

const MIB = 1024 * 1024;

interface GuideRow {
  readonly family: Family;
  /** Undefined where there is no value. */
  readonly value: (gpu: ShownGpu) => number | undefined;
}

const ROWS: readonly GuideRow[] = [
  row(
    "gpu_utilization_percent",
    "Share of the driver's last sampling window in which a kernel ran, in percent",
    ({ readings }) => {
      const ratio = readings && valueOf(readings, "utilization");
      // The driver gives whole percents; as a share of 1 and back, 0.29 would become 28.999999999999996.
      return ratio === undefined ? undefined : Math.round(ratio * 100);
    },
  ),
  row(
    "gpu_memory_utilization",
    "Share of the GPU's memory that is in use, in percent; the name is older than the rule that a unit belongs in it",
    (gpu) => {
      const used = memoryUsed(gpu);
      const total = memoryTotal(gpu);
      return used === undefined || total === undefined || total === 0 ? undefined : (used / total) * 100;
    },
  ),
  row("gpu_memory_usage_mb", "GPU memory in use, in MiB", (gpu) => inMib(memoryUsed(gpu))),
  row("gpu_memory_total_mb", "GPU memory in all, in MiB", (gpu) => inMib(memoryTotal(gpu))),
  row(
    "gpu_temperature_celsius",
    "Temperature of the GPU core",
    ({ readings }) => readings && valueOf(readings, "temperature"),
  ),
  row(
    "gpu_power_watts",
    "Power drawn by the GPU board",
    ({ readings }) => readings && valueOf(readings, "power"),
  ),
];

export const GUIDE_FAMILIES: readonly Family[] = ROWS.map(({ family }) => family);

export function guideBlocks(gpus: readonly ShownGpu[], node: string): readonly Block[] {
  const labelled = gpus.map((gpu) => {
    const { index, uuid } = gpu.identity;
    return { gpu, labels: labelsText({ node, gpu: String(index), uuid, model: gpu.model }) };
  });
  return ROWS.map(({ family, value }) => {
    let lines = "";
    for (const { gpu, labels } of labelled) {
      const at = value(gpu);
      if (at !== undefined) lines += line(family.name, labels, at);
    }
    return { family, lines };
  });
}

function memoryUsed({ readings }: ShownGpu): number | undefined {
  return readings && valueOf(readings, "memoryUsed");
}

function memoryTotal({ identity }: ShownGpu): number | undefined {
  return identity.memoryTotalBytes.kind === "value" ? identity.memoryTotalBytes.value : undefined;
}

function inMib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / MIB;
}

function row(name: string, help: string, value: GuideRow["value"]): GuideRow {
  return { family: { name, type: "gauge", help, labels: GPU_LABELS }, value };
}
