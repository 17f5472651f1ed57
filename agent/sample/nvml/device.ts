// One GPU: what it is, and what it says each cycle. A GPU that has left the bus says "lost" and is not asked
// again; a GPU that never let itself be opened keeps its place in the list with every reading failed, because a
// node with a silent GPU must not look like a node with one GPU less.

import {
  emptyReadings,
  failedReadings,
  READING_AT,
  valueOf,
  writeCode,
  writeReading,
} from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings, Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuProcess, GpuSample } from "../../../shared/model/gpu.ts";
import { GPU_IS_LOST, meaningOf, SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Driver } from "./driver.ts";
import type { EventSubject } from "./events.ts";
import { openFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { openGpm } from "./gpm.ts";
import { identify, UUID } from "./identity.ts";
import { openMig } from "./mig.ts";
import type { Address } from "./native.ts";
import { createNvlinkReader } from "./nvlinks.ts";
import { fastestBytesPerSecond } from "./pcie-bytes.ts";
import { createCardProcessReader } from "./processes.ts";
import { askOnce, createReader } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { FALLBACK_QUESTIONS, FAST_QUESTIONS, SLOW_QUESTIONS } from "./readings.ts";

export interface DeviceOptions {
  /** 580 of 580.95.05; 0 when it is not known. */
  readonly branch: number;
  readonly intervalMs: Millis;
  readonly gpm: boolean;
}

/** A sample whose rows are the device's own: they hold until its next sample, and no longer. `kept` makes it last. */
export interface LiveSample extends Omit<GpuSample, "readings"> {
  readonly live: GpuReadings;
}

export interface Device {
  readonly identity: GpuIdentity;
  /** All readings: the fast ones now, the slow ones now when `slow`, else as they were. */
  readonly sample: (now: Millis, slow: boolean) => LiveSample;
  /** Why the GPU cannot be read at all; null when it can. */
  readonly absence: () => number | null;
  /** Whether it is lost, failed to answer anything for the last sample, or failed to say something that all need. */
  readonly isSilent: () => boolean;
  /** Whether the last slow group found that it was cut anew or was reset. */
  readonly hasChanged: () => boolean;
  /** Asks whether the GPU behind the handle is another one than it was. */
  readonly isAnother: () => boolean;
  /** For the event set; null when it cannot be registered. */
  readonly subject: EventSubject | null;
  /** Of the fields, for the survey; empty for a GPU that cannot be asked. */
  readonly fields: Fields["survey"];
  /** Gives back what the driver holds for this GPU, before the connection is closed. */
  readonly close: () => void;
}

const FAST_SLOTS = FAST_QUESTIONS.flatMap(({ readings }) => readings.map((name) => READING_AT[name]));

export function createDevice(
  driver: Driver,
  index: number,
  handle: Address,
  named: Reading<string>,
  options: DeviceOptions,
): Device {
  const { gpm: wanted } = options;
  const facts = identify(driver, index, handle, named);
  const { uuid, memoryTotalBytes } = facts;
  const mig = openMig(driver, index, handle, { memoryTotalBytes, gpm: wanted });
  const gpm = wanted ? openGpm(driver, index, handle, null) : null;
  const details = gpm === null ? facts.details : { ...facts.details, gpm: gpm.support };
  const identity: GpuIdentity = { ...facts, details, mig: mig.state };

  /** What is asked once in a generation, and for which another one is worth a try. */
  const isIncomplete = [facts.name, facts.busId, facts.memoryTotalBytes].some(
    ({ kind }) => kind === "failed",
  );

  /** Of the last time that each was asked. */
  const readings = emptyReadings();
  const { pcieGenerationMax, pcieWidthMax } = details;
  const fields = openFields(driver, index, handle, readings, {
    branch: options.branch,
    intervalMs: options.intervalMs,
    pcieBytesPerSecond: fastestBytesPerSecond(
      pcieGenerationMax.kind === "value" ? pcieGenerationMax.value : undefined,
      pcieWidthMax.kind === "value" ? pcieWidthMax.value : undefined,
    ),
  });
  const readFast = createReader(driver, FAST_QUESTIONS, index);
  const readSlow = createReader(driver, SLOW_QUESTIONS, index);
  /** Older calls for what this GPU does not have as fields. */
  const standIns = (): readonly Reader[] => {
    const questions = FALLBACK_QUESTIONS.filter(({ readings: names }) => names.some(fields.declines));
    const links = fields.declines("nvlinks") || fields.declines("nvlinksActive");
    const readLinks = links ? createNvlinkReader(driver, index) : null;
    const reader = createReader(driver, questions, index);
    return readLinks === null ? [reader] : [reader, readLinks];
  };
  let readInstead = standIns();
  const readProcesses = createCardProcessReader(driver, index, handle, mig.instances);
  let processes: readonly GpuProcess[] | null = null;
  let energy: number | undefined;
  let wasReset = false;
  let wasCut = false;
  let lost = false;

  /** False when the GPU is lost. */
  const sampleSlow = (now: Millis): boolean => {
    if (fields.settle(readings)) readInstead = standIns();
    if (readSlow(handle, readings) === GPU_IS_LOST) return false;
    // Before the fields: where only some of a call's readings are missing there, the others are written last.
    for (const reader of readInstead) if (reader(handle, readings) === GPU_IS_LOST) return false;
    if (fields.read("slow", readings, now) === GPU_IS_LOST) return false;
    const list = readProcesses();
    processes = list.kind === "list" ? list.processes : null;
    if (list.kind === "list") writeReading(readings, "processes", list.processes.length);
    else writeCode(readings, "processes", list.code);
    // It counts from the moment the driver was loaded: far less of it than before is a GPU that was reset under us.
    const before = energy;
    energy = valueOf(readings, "energy") ?? before;
    wasReset ||= before !== undefined && energy !== undefined && energy < before / 2;
    return list.kind === "list" || list.code !== GPU_IS_LOST;
  };

  const read = (now: Millis, isSlow: boolean): boolean => {
    if (readFast(handle, readings) === GPU_IS_LOST) return false;
    if (fields.read("fast", readings, now) === GPU_IS_LOST) return false;
    if (isSlow && !sampleSlow(now)) return false;
    gpm?.read(readings, now);
    return true;
  };

  return {
    identity,
    sample: (now, isSlow) => {
      lost ||= !read(now, isSlow);
      if (lost) return silent(identity.uuid, GPU_IS_LOST);
      const instances = mig.sample(now);
      // Last: it gives out new handles, after which those of before may stand for other instances.
      if (isSlow) wasCut ||= mig.changed();
      return { uuid, state: "present", live: readings, instances, processes };
    },
    absence: () => (lost ? GPU_IS_LOST : null),
    isSilent: () => lost || isIncomplete || hasFailed(readings),
    hasChanged: () => !lost && (wasReset || wasCut),
    isAnother: () => {
      if (lost) return false;
      const now = askOnce(driver, UUID, index, handle);
      return now.kind === "value" && now.value !== uuid;
    },
    subject: {
      index,
      handle,
      uuid,
      busId: identity.busId.kind === "value" ? identity.busId.value : null,
    },
    fields: fields.survey,
    close: () => {
      gpm?.close();
      mig.close();
    },
  };
}

/** A GPU that the driver counts, or counted before, and that cannot be opened now. */
export function absentDevice(identity: GpuIdentity, code: number): Device {
  return {
    identity,
    sample: () => silent(identity.uuid, code),
    absence: () => code,
    isSilent: () => true,
    hasChanged: () => false,
    isAnother: () => false,
    subject: null,
    fields: () => [],
    close: () => {},
  };
}

/** Whether no fast reading has a value, and not because the card has none of them. */
function hasFailed({ codes }: GpuReadings): boolean {
  let failures = 0;
  for (const slot of FAST_SLOTS) {
    const code = codes[slot] ?? SUCCESS;
    if (code === SUCCESS) return false;
    if (meaningOf(code) === "failed") failures++;
  }
  return failures > 0;
}

/** With rows of its own. They cost about a microsecond, which is as much as ten calls of the driver's cheapest. */
export function kept({ live, ...sample }: LiveSample): GpuSample {
  return { ...sample, readings: { values: live.values.slice(), codes: live.codes.slice() } };
}

function silent(uuid: GpuIdentity["uuid"], code: number): LiveSample {
  return {
    uuid,
    state: code === GPU_IS_LOST ? "lost" : "present",
    live: failedReadings(code),
    instances: [],
    processes: null,
  };
}
