// The families under the agent's own names: one for each row of the table of readings, in base units, for GPUs and for
// MIG instances, and those that say what is known of the card, who holds it and which readings have no value. Nothing
// is named here by hand that the table of readings names already.

import { GPU_READING_NAMES, GPU_READINGS } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, ReadingUnit } from "../../../shared/model/gpu-readings.ts";
import { METRIC_PREFIX } from "../../../shared/model/names.ts";
import { CLOCK_EVENTS } from "./clock-events.ts";
import type { Family } from "./family.ts";

export const GPU_LABELS = {
  node: "Name of the node",
  gpu: "Index of the GPU on its node",
  uuid: "The GPU's UUID, stable over restarts",
  model: "Product name as the driver gives it; empty when it does not",
} as const;

/** Not called `instance`: a scraper puts its own label of that name on every series. */
const MIG_LABELS = {
  ...GPU_LABELS,
  mig_uuid: "The instance's UUID",
  gpu_instance: "Id of the GPU instance on its GPU",
  compute_instance: "Id of the compute instance in it",
  profile: "1g.18gb and the like; empty when it cannot be told",
} as const;

const SUFFIX: Readonly<Record<ReadingUnit, string>> = {
  ratio: "_ratio",
  bytes: "_bytes",
  "bytes/s": "_bytes_per_second",
  celsius: "_celsius",
  watts: "_watts",
  joules: "_joules",
  hertz: "_hertz",
  seconds: "_seconds",
  number: "",
};

/** What a MIG instance can be asked for: its memory and its own counters. The rest is the whole GPU's. */
export const MIG_READINGS = GPU_READING_NAMES.filter(
  (name) =>
    name === "memoryUsed" ||
    name === "memoryFree" ||
    name === "memoryReserved" ||
    GPU_READINGS[name].group === "gpm",
);

export const GPU_READING_ROWS = GPU_READING_NAMES.map((reading) => readingFamily(reading, "gpu", GPU_LABELS));
export const MIG_READING_ROWS = MIG_READINGS.map((reading) => readingFamily(reading, "mig", MIG_LABELS));

export const MEMORY_TOTAL = gauge("gpu_memory_total_bytes", "GPU memory in all", GPU_LABELS);
export const INFO = gauge("gpu_info", "Always 1: what is known of the card itself", {
  ...GPU_LABELS,
  serial: "Serial number of the board",
  vbios: "Version of its BIOS",
  part_number: "Part number of the board",
  pci_bus_id: "As the kernel writes it: 0000:3b:00.0",
  architecture: "volta, turing, ampere, ada, hopper, blackwell, rubin, or the driver's number",
  driver: "Version of the driver",
});
export const CLOCK_EVENT = gauge(
  "gpu_clock_event_active",
  "1 for each reason that holds the clocks down now",
  {
    ...GPU_LABELS,
    reason: `${CLOCK_EVENTS.join(", ")}, or bit_N for one that has no name yet`,
  },
);
export const HOLDER = gauge(
  "gpu_holder",
  "Always 1: a container that has got the GPU or a part of it, to join with",
  {
    node: GPU_LABELS.node,
    gpu: GPU_LABELS.gpu,
    uuid: GPU_LABELS.uuid,
    mig_uuid: "The MIG instance; empty for a whole or shared GPU",
    namespace: "Namespace of the pod",
    pod: "Name of the pod",
    container: "Name of the container",
    resource: "Name of the resource that it asked for, or claim:NAME",
    replica: "Number of the replica of a shared GPU; empty when it is not shared by replicas",
  },
);
const STATES =
  "unsupported (the card cannot tell), failed (the call did), pending (not asked yet) or lost (the card has left the bus)";
export const READING_STATE = gauge(
  "gpu_reading_state",
  "1 for each reading that has no value now, with what it is instead",
  {
    node: GPU_LABELS.node,
    gpu: GPU_LABELS.gpu,
    uuid: GPU_LABELS.uuid,
    field: "Name of the reading, as in the name of its metric without the unit",
    state: STATES,
  },
);
export const MIG_TOTAL = gauge("mig_memory_total_bytes", "Memory of the MIG instance in all", MIG_LABELS);
export const MIG_STATE = gauge(
  "mig_reading_state",
  "1 for each reading of a MIG instance that has no value now, with what it is instead",
  {
    node: GPU_LABELS.node,
    gpu: GPU_LABELS.gpu,
    uuid: GPU_LABELS.uuid,
    mig_uuid: MIG_LABELS.mig_uuid,
    field: "Name of the reading, as in the name of its metric without the unit",
    state: STATES,
  },
);

/** For the reference page, in the three parts that differ in their labels. */
export const READING_FAMILIES: readonly Family[] = [
  ...GPU_READING_ROWS.map(({ family }) => family),
  MEMORY_TOTAL,
];
export const MIG_FAMILIES: readonly Family[] = [...MIG_READING_ROWS.map(({ family }) => family), MIG_TOTAL];
export const MORE_FAMILIES: readonly Family[] = [CLOCK_EVENT, INFO, HOLDER, READING_STATE, MIG_STATE];

/** memoryUsed → memory_used. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function readingFamily(
  reading: GpuReadingName,
  of: "gpu" | "mig",
  labels: Family["labels"],
): { readonly reading: GpuReadingName; readonly family: Family } {
  const { unit, type, what } = GPU_READINGS[reading];
  const end = type === "counter" ? "_total" : "";
  const name = `${METRIC_PREFIX}${of}_${snakeCase(reading)}${SUFFIX[unit]}${end}`;
  return { reading, family: { name, type, help: what, labels } };
}

function gauge(name: string, help: string, labels: Family["labels"]): Family {
  return { name: `${METRIC_PREFIX}${name}`, type: "gauge", help, labels };
}
