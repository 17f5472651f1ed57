// Finds the GPUs: counts them, opens each, and gives those that will not be opened their place in the list. Who was
// there before is remembered by its caller, so that a GPU that has gone is reported lost and not forgotten.

import { emptyReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity } from "../../../shared/model/gpu.ts";
import {
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  NO_DATA,
  NO_PERMISSION,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import { ask } from "./ask.ts";
import { TEXT_SIZES } from "./constants.ts";
import { absentDevice, createDevice } from "./device.ts";
import type { Device, DeviceOptions } from "./device.ts";
import type { Driver } from "./driver.ts";
import { isIdentified, unidentified, UUID } from "./identity.ts";
import { HANDLE_BYTES, UINT32_BYTES } from "./layout.ts";
import { textOf } from "./native.ts";
import type { Address } from "./native.ts";
import { askOnce, createReader } from "./reader.ts";
import { FAST_QUESTIONS } from "./readings.ts";

/** More than any node has: a larger count is no answer. */
const MOST_GPUS = 128;

type Opened =
  | { readonly kind: "opened"; readonly handle: Address }
  | { readonly kind: "refused"; readonly code: number };

export interface Enumerated {
  readonly devices: readonly Device[];
  /** The code of the last GPU that is not ours to see. */
  readonly refusal: number;
}

export function countDevices(driver: Driver): { readonly code: number; readonly count: number } {
  const call = "nvmlDeviceGetCount_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { code: FUNCTION_NOT_FOUND, count: 0 };
  const block = driver.blockOf(call, UINT32_BYTES);
  const code = ask(driver, call, null, () => bound(block.address));
  const count = block.view.getUint32(0, true);
  return { code: code === SUCCESS && count > MOST_GPUS ? NO_DATA : code, count };
}

/** The version of the driver that is loaded; null when it does not say. */
export function driverVersion(driver: Driver): string | null {
  const call = "nvmlSystemGetDriverVersion";
  const bound = driver.library.bind(call);
  if (bound === null) return null;
  const size = TEXT_SIZES.NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE;
  const block = driver.blockOf(call, size);
  const code = ask(driver, call, null, () => bound(block.address, size));
  return code === SUCCESS ? textOf(block.bytes) || null : null;
}

export function enumerate(
  driver: Driver,
  count: number,
  known: readonly GpuIdentity[],
  options: DeviceOptions,
): Enumerated {
  const devices: Device[] = [];
  const refused: { readonly index: number; readonly code: number }[] = [];
  let refusal = SUCCESS;
  for (let index = 0; index < count; index++) {
    const opened = openDevice(driver, index);
    if (opened.kind === "opened") {
      const uuid = askOnce(driver, UUID, index, opened.handle);
      // Some drivers hand out the handle of a GPU that has gone. Of such a one nothing more is asked: each answer may take
      // long. And while it is not known which of the known GPUs this is, its readings are nobody's.
      const isNobody = uuid.kind !== "value" && known.some((identity) => identity.index === index);
      if (uuid.kind !== "value" && (isNobody || uuid.code === GPU_IS_LOST))
        refused.push({ index, code: uuid.code });
      else devices.push(createDevice(driver, index, opened.handle, uuid, options));
    }
    // The count includes GPUs that this container was not given; those are somebody else's.
    else if (opened.code === NO_PERMISSION) refusal = opened.code;
    else refused.push({ index, code: opened.code });
  }
  // A silent place is the known GPU that was there, if that one has not turned up elsewhere; else another one that is
  // missing, since places move when a driver is loaded anew and a node must not show more GPUs than it has.
  const found = new Set(devices.map((device) => device.identity.uuid));
  const missing = known.filter((identity) => !found.has(identity.uuid));
  const unplaced: typeof refused = [];
  for (const place of refused) {
    const at = missing.findIndex((identity) => identity.index === place.index);
    const [identity] = at < 0 ? [] : missing.splice(at, 1);
    if (identity === undefined) unplaced.push(place);
    else devices.push(absentDevice(identity, place.code));
  }
  for (const { index, code } of unplaced) {
    const identity = missing.shift();
    devices.push(absentDevice(identity ? { ...identity, index } : unidentified(index, code), code));
  }
  // What is left has vanished from the count as well.
  devices.push(...missing.filter(isIdentified).map((identity) => absentDevice(identity, GPU_IS_LOST)));
  return { devices: devices.toSorted((a, b) => a.identity.index - b.identity.index), refusal };
}

/**
 * Whether a GPU that was absent can be read again. By bus address: asking for a GPU by UUID fails while any GPU is
 * lost, and this touches no other.
 */
export function returns(driver: Driver, identity: GpuIdentity): boolean {
  const { index, busId } = identity;
  const opened =
    busId.kind === "value" ? openDeviceAt(driver, index, busId.value) : openDevice(driver, index);
  if (opened.kind === "refused") return false;
  // A handle alone proves nothing: some drivers hand one out and then answer no question.
  const uuid = askOnce(driver, UUID, index, opened.handle);
  if (uuid.kind !== "value") return false;
  const readings = emptyReadings();
  createReader(driver, FAST_QUESTIONS, index)(opened.handle, readings);
  return readings.codes.includes(SUCCESS) && !readings.codes.includes(GPU_IS_LOST);
}

/** The handle of the GPU at this place in the driver's enumeration. Wakes the GPU where that is needed. */
function openDevice(driver: Driver, index: number): Opened {
  const call = "nvmlDeviceGetHandleByIndex_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { kind: "refused", code: FUNCTION_NOT_FOUND };
  const block = driver.blockOf(call, HANDLE_BYTES);
  const code = ask(driver, call, index, () => bound(index, block.address));
  if (code !== SUCCESS) return { kind: "refused", code };
  return { kind: "opened", handle: block.view.getBigUint64(0, true) };
}

/** The handle of the GPU at this bus address, or a refusal. */
function openDeviceAt(driver: Driver, index: number, busId: string): Opened {
  const call = "nvmlDeviceGetHandleByPciBusId_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { kind: "refused", code: FUNCTION_NOT_FOUND };
  // One buffer: the address as text, and behind it the place for the handle.
  const size = TEXT_SIZES.NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE;
  const block = driver.blockOf(call, size + HANDLE_BYTES);
  block.bytes.fill(0);
  new TextEncoder().encodeInto(busId, block.bytes.subarray(0, size - 1));
  const out = block.address + BigInt(size);
  const code = ask(driver, call, index, () => bound(block.address, out));
  if (code !== SUCCESS) return { kind: "refused", code };
  return { kind: "opened", handle: block.view.getBigUint64(size, true) };
}
