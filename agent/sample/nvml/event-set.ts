// The driver's event set as four calls and one struct: made, filled with GPUs, waited on, freed. What an event means,
// and when the driver is asked again after a failure, is decided in events.ts.

import { NO_DATA, NOT_SUPPORTED, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { ask } from "./ask.ts";
import { EVENT_TYPES, NOT_AVAILABLE_32 } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { EVENT_DATA, HANDLE_BYTES, UINT64_BYTES } from "./layout.ts";
import type { Address } from "./native.ts";

export interface EventSets {
  /** The code, and the address of the set when it is SUCCESS. */
  readonly create: () => { readonly code: number; readonly set: Address };
  /** SUCCESS when events of this GPU will be told; NOT_SUPPORTED when it has none of those that we want. */
  readonly register: (gpu: number, handle: Address, set: Address) => number;
  /** SUCCESS when there is an event, which `last` then reads. */
  readonly wait: (set: Address, timeoutMs: number) => number;
  readonly last: () => RawEvent;
  readonly free: (set: Address) => number;
}

/** The struct as it is. */
export interface RawEvent {
  readonly device: Address;
  readonly type: number;
  /** The XID of an event of that type. For others it is left over from somewhere. */
  readonly data: number;
  /** Null outside of MIG. */
  readonly gpuInstance: number | null;
}

const WANTED = Object.values(EVENT_TYPES).reduce((mask, bit) => mask | bit, 0);

/** Null when this driver does not export all that it takes. */
export function bindEventSets(driver: Driver): EventSets | null {
  const { library, blockOf } = driver;
  const create = library.bind("nvmlEventSetCreate");
  const supportedTypes = library.bind("nvmlDeviceGetSupportedEventTypes");
  const register = library.bind("nvmlDeviceRegisterEvents");
  const wait = library.bind("nvmlEventSetWait_v2");
  const free = library.bind("nvmlEventSetFree");
  if (create === null || supportedTypes === null || register === null || wait === null || free === null)
    return null;
  const made = blockOf("nvmlEventSetCreate", HANDLE_BYTES);
  const types = blockOf("nvmlDeviceGetSupportedEventTypes", UINT64_BYTES);
  const event = blockOf("nvmlEventSetWait_v2", EVENT_DATA.size);
  return {
    create: () => {
      made.view.setBigUint64(0, 0n, true);
      const code = ask(driver, "nvmlEventSetCreate", null, () => create(made.address));
      const set = made.view.getBigUint64(0, true);
      return { code: code === SUCCESS && set === 0n ? NO_DATA : code, set };
    },
    register: (gpu, handle, set) => {
      types.view.setBigUint64(0, 0n, true);
      const call = "nvmlDeviceGetSupportedEventTypes";
      const code = ask(driver, call, gpu, () => supportedTypes(handle, types.address));
      if (code !== SUCCESS) return code;
      // A bit that the GPU does not have would make the driver refuse all of them.
      const mask = types.view.getUint32(0, true) & WANTED;
      if (mask === 0) return NOT_SUPPORTED;
      return ask(driver, "nvmlDeviceRegisterEvents", gpu, () => register(handle, mask, set));
    },
    wait: (set, timeoutMs) =>
      ask(driver, "nvmlEventSetWait_v2", null, () => wait(set, event.address, timeoutMs)),
    last: () => rawEvent(event.view),
    free: (set) => ask(driver, "nvmlEventSetFree", null, () => free(set)),
  };
}

function rawEvent(view: DataView): RawEvent {
  const { device, eventType, eventData, gpuInstanceId } = EVENT_DATA.members;
  const gpuInstance = view.getUint32(gpuInstanceId.at, true);
  return {
    device: view.getBigUint64(device.at, true),
    // All types that we register and all XIDs fit into the lower word.
    type: view.getUint32(eventType.at, true),
    data: view.getUint32(eventData.at, true),
    gpuInstance: gpuInstance === NOT_AVAILABLE_32 ? null : gpuInstance,
  };
}
