// Packs the samples of one cycle after the other into what has changed, and unpacks them again. A GPU's 70 readings
// mostly stay as they are from second to second, so a capture of a minute fits in a mail. Both sides begin with GPUs
// of which nothing was asked yet.

import { emptyReadings, GPU_READING_NAMES, READING_AT } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuProcess, GpuSample, MigSample } from "../../../shared/model/gpu.ts";
import { NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { GpuChanges, ReadingChanges } from "./capture-schema.ts";

export interface Packer {
  readonly pack: (samples: readonly GpuSample[]) => GpuChanges[];
}

export interface Unpacker {
  /** @throws AppError bad-input when a reading is not one that this version knows. */
  readonly unpack: (gpus: readonly GpuChanges[]) => GpuSample[];
}

export function createPacker(): Packer {
  const known = new Map<string, GpuSample>();
  const packOne = (sample: GpuSample): GpuChanges => {
    const before = known.get(sample.uuid) ?? unasked(sample.uuid);
    known.set(sample.uuid, copyOf(sample));
    const readings = changesOf(before.readings, sample.readings);
    return {
      uuid: sample.uuid,
      ...(sample.state === before.state ? {} : { state: sample.state }),
      ...(Object.keys(readings).length === 0 ? {} : { readings }),
      ...instanceChanges(before.instances, sample.instances),
      ...(sameProcesses(before.processes, sample.processes)
        ? {}
        : { processes: sample.processes?.map((one) => ({ ...one })) ?? null }),
    };
  };
  return { pack: (samples) => samples.map(packOne) };
}

export function createUnpacker(): Unpacker {
  const known = new Map<string, GpuSample>();
  const unpackOne = (gpu: GpuChanges): GpuSample => {
    const before = known.get(gpu.uuid) ?? unasked(gpu.uuid);
    const sample: GpuSample = {
      uuid: gpu.uuid,
      state: gpu.state ?? before.state,
      readings: changed(before.readings, gpu.readings ?? {}),
      instances:
        gpu.instances?.map(({ uuid, readings }) => ({
          uuid,
          readings: changed(readingsBefore(before.instances, uuid), readings),
        })) ?? before.instances,
      processes: gpu.processes === undefined ? before.processes : gpu.processes,
    };
    known.set(gpu.uuid, sample);
    return sample;
  };
  return { unpack: (gpus) => gpus.map(unpackOne) };
}

function unasked(uuid: string): GpuSample {
  return { uuid, state: "present", readings: emptyReadings(), instances: [], processes: null };
}

/** The sampler may use its rows again for the next cycle. */
function copyOf(sample: GpuSample): GpuSample {
  return {
    ...sample,
    readings: rowsOf(sample.readings),
    instances: sample.instances.map(({ uuid, readings }) => ({ uuid, readings: rowsOf(readings) })),
  };
}

function rowsOf({ values, codes }: GpuReadings): GpuReadings {
  return { values: values.slice(), codes: codes.slice() };
}

function changesOf(before: GpuReadings, now: GpuReadings): ReadingChanges {
  const changes: ReadingChanges = {};
  for (const name of GPU_READING_NAMES) {
    const next = written(now, name);
    if (next !== written(before, name)) changes[name] = next;
  }
  return changes;
}

/** JSON knows no infinite numbers, and one would be no reading either. */
function written({ values, codes }: GpuReadings, name: GpuReadingName): number | string {
  const at = READING_AT[name];
  const [value = Number.NaN, code = NO_DATA] = [values[at], codes[at]];
  if (code !== SUCCESS) return `code ${code}`;
  return Number.isFinite(value) ? value : `code ${NO_DATA}`;
}

function instanceChanges(
  before: readonly MigSample[],
  now: readonly MigSample[],
): Pick<GpuChanges, "instances"> {
  const instances = now.map(({ uuid, readings }) => ({
    uuid,
    readings: changesOf(readingsBefore(before, uuid), readings),
  }));
  const same =
    before.length === now.length &&
    instances.every(
      ({ uuid, readings }, i) => uuid === before[i]?.uuid && Object.keys(readings).length === 0,
    );
  return same ? {} : { instances };
}

function readingsBefore(before: readonly MigSample[], uuid: string): GpuReadings {
  return before.find((one) => one.uuid === uuid)?.readings ?? emptyReadings();
}

function changed(before: GpuReadings, changes: ReadingChanges): GpuReadings {
  const rows = rowsOf(before);
  for (const [name, next] of Object.entries(changes)) {
    if (!isReadingName(name)) {
      throw new AppError(
        "bad-input",
        `${name} is no reading that this version knows; play the capture with the agent that made it, or a newer one`,
      );
    }
    const at = READING_AT[name];
    rows.values[at] = typeof next === "number" ? next : Number.NaN;
    rows.codes[at] = typeof next === "number" ? SUCCESS : Number(next.slice("code ".length));
  }
  return rows;
}

function isReadingName(name: string): name is GpuReadingName {
  return Object.hasOwn(READING_AT, name);
}

function sameProcesses(a: readonly GpuProcess[] | null, b: readonly GpuProcess[] | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
