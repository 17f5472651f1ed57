// One GPU: what it is, and what it says each cycle. A GPU that has left the bus says "lost" and is not asked
// again; a GPU that never let itself be opened keeps its place in the list with every field failed, because a
// node with a silent GPU must not look like a node with one GPU less.

import {
  emptyReadings,
  failedReadings,
  kindOf,
  writeCode,
  writeReading,
} from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuDetails, GpuIdentity, GpuSample, GpuUuid } from "../../../shared/model/gpu.ts";
import {
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  meaningOf,
  NOT_ASKED,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import { HANDLE, TEXT_BYTES } from "./layout.ts";
import { marked } from "./marks.ts";
import type { Address } from "./native.ts";
import { createReader } from "./reader.ts";
import type { Driver, Reader } from "./reader.ts";
import {
  BUS_ID,
  MEMORY_TOTAL,
  MEMORY_USED,
  NAME,
  POWER,
  TEMPERATURE,
  UTILIZATION_GPU,
  UUID,
} from "./readings.ts";

export interface Device {
  readonly identity: GpuIdentity;
  readonly sample: () => GpuSample;
  /** Why the GPU cannot be read at all; null when it can. */
  readonly absence: () => number | null;
}

export type Opened =
  | { readonly kind: "opened"; readonly handle: Address }
  | { readonly kind: "refused"; readonly code: number };

/** The handle of the GPU at this place in the driver's enumeration. Wakes the GPU where that is needed. */
export function openDevice(driver: Driver, index: number): Opened {
  const call = "nvmlDeviceGetHandleByIndex_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { kind: "refused", code: FUNCTION_NOT_FOUND };
  const block = driver.blockOf(call, HANDLE.size);
  const code = marked(driver.marks, call, index, () => bound(index, block.address));
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  if (code !== SUCCESS) return { kind: "refused", code };
  return { kind: "opened", handle: block.view.getBigUint64(0, true) };
}

/** The handle of the GPU at this bus address, or a refusal. */
export function openDeviceAt(driver: Driver, index: number, busId: string): Opened {
  const call = "nvmlDeviceGetHandleByPciBusId_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { kind: "refused", code: FUNCTION_NOT_FOUND };
  // One buffer: the address as text, and behind it the place for the handle.
  const block = driver.blockOf(call, TEXT_BYTES.busId + HANDLE.size);
  block.bytes.fill(0);
  new TextEncoder().encodeInto(busId, block.bytes.subarray(0, TEXT_BYTES.busId - 1));
  const out = block.address + BigInt(TEXT_BYTES.busId);
  const code = marked(driver.marks, call, index, () => bound(block.address, out));
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  if (code !== SUCCESS) return { kind: "refused", code };
  return { kind: "opened", handle: block.view.getBigUint64(TEXT_BYTES.busId, true) };
}

export function createDevice(driver: Driver, index: number, handle: Address): Device {
  const identity = identify(driver, index, handle);
  const fast: readonly (readonly [GpuReadingName, Reader<number>])[] = [
    ["utilization", createReader(driver, UTILIZATION_GPU, index)],
    ["memoryUsed", createReader(driver, MEMORY_USED, index)],
    ["temperature", createReader(driver, TEMPERATURE, index)],
    ["power", createReader(driver, POWER, index)],
  ];
  let lost = false;

  // The fields one after the other, each only while the GPU is there: a call to a lost GPU can take seconds.
  const read = (): GpuSample | null => {
    const readings = emptyReadings();
    for (const [name, reader] of fast) {
      const reading = reader(handle);
      if (isLost(reading)) return null;
      if (reading.kind === "value") writeReading(readings, name, reading.value);
      else writeCode(readings, name, reading.code);
    }
    return { uuid: identity.uuid, state: "present", readings, instances: [], processes: null };
  };

  return {
    identity,
    sample: () => {
      const sample = lost ? null : read();
      if (sample !== null) return sample;
      lost = true;
      return silent(identity.uuid, GPU_IS_LOST);
    },
    absence: () => (lost ? GPU_IS_LOST : null),
  };
}

/** A GPU that the driver counts, or counted before, and that cannot be opened now. */
export function absentDevice(identity: GpuIdentity, code: number): Device {
  return { identity, sample: () => silent(identity.uuid, code), absence: () => code };
}

/** For a GPU that could never be asked who it is; its place in the enumeration is all that is known. */
export function unidentified(index: number, code: number): GpuIdentity {
  const failed = { kind: "failed", code } as const;
  return {
    index,
    uuid: placeholder(index),
    name: failed,
    busId: failed,
    memoryTotalBytes: failed,
    details: failedDetails(code),
    mig: { kind: "failed", code },
  };
}

function identify(driver: Driver, index: number, handle: Address): GpuIdentity {
  const uuid = createReader(driver, UUID, index)(handle);
  return {
    index,
    uuid: uuid.kind === "value" ? uuid.value : placeholder(index),
    name: createReader(driver, NAME, index)(handle),
    busId: createReader(driver, BUS_ID, index)(handle),
    memoryTotalBytes: createReader(driver, MEMORY_TOTAL, index)(handle),
    details: failedDetails(NOT_ASKED),
    mig: { kind: "failed", code: NOT_ASKED },
  };
}

function failedDetails(code: number): GpuDetails {
  const failed = { kind: kindOf(code), code };
  return {
    minor: failed,
    serial: failed,
    vbios: failed,
    partNumber: failed,
    architecture: failed,
    virtualization: failed,
    numaNode: failed,
    powerLimitDefault: failed,
    powerLimitMax: failed,
    smClockMax: failed,
    memoryClockMax: failed,
    pcieGenerationMax: failed,
    pcieWidthMax: failed,
    slowdownTemperature: failed,
    shutdownTemperature: failed,
    memoryTemperatureMax: failed,
    eccEnabled: failed,
    gpm: failed,
  };
}

function placeholder(index: number): GpuUuid {
  return `unidentified-gpu-${index}`;
}

function isLost(reading: Reading<unknown>): boolean {
  return reading.kind === "failed" && reading.code === GPU_IS_LOST;
}

function silent(uuid: GpuUuid, code: number): GpuSample {
  return {
    uuid,
    state: code === GPU_IS_LOST ? "lost" : "present",
    readings: failedReadings(code),
    instances: [],
    processes: null,
  };
}
