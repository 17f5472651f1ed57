// The number that stands for one field of one GPU at one moment, or why there is none: which reading it is taken
// from, and whether it can be true. The driver's decoders judge single answers; here is judged what only shows
// beside the rest of the card, its memory and its MIG instances.

import { readingOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings, Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, MigInstance, MigState } from "../../shared/model/gpu.ts";
import { NO_DATA, NOT_SUPPORTED } from "../../shared/model/nvml-status.ts";

/** Each field of the windows, and the reading that it is. */
export const FIELD_READINGS = {
  utilization: "utilization",
  memoryUsed: "memoryUsed",
  temperature: "temperature",
  power: "power",
  smActive: "gpmSmActive",
  tensorActive: "gpmTensorActive",
} as const satisfies Readonly<Record<string, GpuReadingName>>;

export type GpuField = keyof typeof FIELD_READINGS;
export const GPU_FIELDS = Object.keys(FIELD_READINGS) as readonly GpuField[];

/**
 * The driver tells no utilisation of a card in MIG mode; its instances tell theirs where the card counts by itself
 * (`gpm`). A card whose mode could not be asked is taken as it answers.
 */
export function utilizationFrom(mig: MigState): "driver" | "gpm" {
  return mig.kind === "on" ? "gpm" : "driver";
}

/** `identity` is undefined for a sample of a GPU that the list does not name. */
export function seenValue(
  field: GpuField,
  sample: GpuSample,
  identity: GpuIdentity | undefined,
): Reading<number> {
  const mig = identity?.mig;
  if (field === "utilization" && mig?.kind === "on") return busiestInstance(mig.instances, sample);
  return plausible(field, readingOf(sample.readings, FIELD_READINGS[field]), identity);
}

/**
 * Of all instances or not at all: the busiest of those that answer may be an idle one. A card that has not been cut
 * runs nothing, and still the driver tells nothing of it.
 */
function busiestInstance(instances: readonly MigInstance[], sample: GpuSample): Reading<number> {
  let most: Reading<number> = { kind: "unsupported", code: NOT_SUPPORTED };
  for (const readings of instanceReadings(instances, sample)) {
    if (readings === null) return { kind: "failed", code: NO_DATA };
    const reading = plausible("utilization", readingOf(readings, "gpmGraphicsActive"), undefined);
    if (reading.kind !== "value") return reading;
    if (most.kind !== "value" || reading.value > most.value) most = reading;
  }
  return most;
}

/** Those of the list, null for one that the cycle has nothing of, and those that the list does not have yet. */
function instanceReadings(
  instances: readonly MigInstance[],
  sample: GpuSample,
): readonly (GpuReadings | null)[] {
  const listed = instances.map(
    ({ uuid }) => sample.instances.find((one) => one.uuid === uuid)?.readings ?? null,
  );
  const others = sample.instances.filter(({ uuid }) => !instances.some((one) => one.uuid === uuid));
  return [...listed, ...others.map(({ readings }) => readings)];
}

const IS_SHARE: Readonly<Record<GpuField, boolean>> = {
  utilization: true,
  memoryUsed: false,
  temperature: false,
  power: false,
  smActive: true,
  tensorActive: true,
};

function plausible(
  field: GpuField,
  reading: Reading<number>,
  identity: GpuIdentity | undefined,
): Reading<number> {
  if (reading.kind !== "value") return reading;
  const { value } = reading;
  const failed = { kind: "failed", code: NO_DATA } as const;
  if (!Number.isFinite(value)) return failed;
  if (IS_SHARE[field]) return value < 0 ? failed : { kind: "value", value: Math.min(1, value) };
  if (field !== "memoryUsed") return reading;
  const total = identity?.memoryTotalBytes;
  return value < 0 || (total?.kind === "value" && value > total.value) ? failed : reading;
}
