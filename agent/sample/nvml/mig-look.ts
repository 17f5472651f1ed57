// How a GPU is cut at this moment: MIG mode, and each instance with its handle and ids. One look is a few dozen calls;
// what an instance reads and how a change is noticed is in mig.ts.

import type { GpuUuid } from "../../../shared/model/gpu.ts";
import { INVALID_ARGUMENT, NO_PERMISSION, NOT_FOUND } from "../../../shared/model/nvml-status.ts";
import type { CallOf } from "./calls.ts";
import { ENUMS, TEXT_SIZES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { HANDLE_BYTES, UINT32_BYTES } from "./layout.ts";
import type { Address } from "./native.ts";
import { pair, plain, selected, text, uint32 } from "./question.ts";
import type { Ask } from "./question.ts";
import { askOnce } from "./reader.ts";

export interface Found {
  readonly handle: Address;
  readonly uuid: GpuUuid;
  readonly gpuInstance: number;
  readonly computeInstance: number;
}

export type Look =
  | { readonly kind: "unsupported" }
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly found: readonly Found[] }
  | {
      readonly kind: "failed";
      readonly code: number;
      /** The handles that were given out before it failed. */
      readonly given: readonly Address[];
    };

const MODE: Ask<number> = [
  // The second number is the mode after the next reset, which changes nothing yet.
  {
    ...pair("nvmlDeviceGetMigMode"),
    decode: ({ view }) => known(uint32(view, 0, ENUMS.NVML_DEVICE_MIG_ENABLE)),
  },
];
/** More than any card has; a larger answer is none. */
const MOST_SLOTS = 64;
const SLOTS = word("nvmlDeviceGetMaxMigDeviceCount", MOST_SLOTS);
const UUID: Ask<string> = [text("nvmlDeviceGetUUID", TEXT_SIZES.NVML_DEVICE_UUID_V2_BUFFER_SIZE)];
const MOST_ID = 0xffff;
const GPU_INSTANCE = word("nvmlDeviceGetGpuInstanceId", MOST_ID);
const COMPUTE_INSTANCE = word("nvmlDeviceGetComputeInstanceId", MOST_ID);

/** `failed` when anything is not known: a list that lacks an instance would look like a smaller card. */
export function lookAtMig(driver: Driver, gpu: number, handle: Address): Look {
  const mode = askOnce(driver, MODE, gpu, handle);
  if (mode.kind === "unsupported") return { kind: "unsupported" };
  if (mode.kind !== "value") return { kind: "failed", code: mode.code, given: [] };
  if (mode.value !== ENUMS.NVML_DEVICE_MIG_ENABLE) return { kind: "off" };
  const slots = askOnce(driver, SLOTS, gpu, handle);
  if (slots.kind !== "value") return { kind: "failed", code: slots.code, given: [] };
  const found: Found[] = [];
  const given: Address[] = [];
  for (let slot = 0; slot < slots.value; slot++) {
    const instance = lookAtSlot(driver, gpu, handle, slot, given);
    if (typeof instance === "number") return { kind: "failed", code: instance, given };
    if (instance !== null) found.push(instance);
  }
  return { kind: "on", found };
}

/** Two looks with the same fingerprint saw the same instances. Handles say less: drivers use them again. */
export function fingerprintOf(look: Look): string {
  return listOf(
    look,
    ({ uuid, gpuInstance, computeInstance }) => `${uuid}/${gpuInstance}/${computeInstance}`,
  );
}

export function handlesOf(look: Look): string {
  return listOf(look, ({ handle }) => handle.toString());
}

function listOf(look: Look, word: (found: Found) => string): string {
  return look.kind === "on" ? look.found.map(word).join(" ") : look.kind;
}

/** Null for an empty slot, or the code for which nothing is known of it. Adds the handle that it got to `given`. */
function lookAtSlot(
  driver: Driver,
  gpu: number,
  parent: Address,
  slot: number,
  given: Address[],
): Found | number | null {
  const ways: Ask<Address> = [
    {
      ...selected("nvmlDeviceGetMigDeviceHandleByIndex", slot, HANDLE_BYTES),
      decode: ({ view }) => view.getBigUint64(0, true) || undefined,
    },
  ];
  const opened = askOnce(driver, ways, gpu, parent);
  // One that this container was not given is somebody else's.
  if (opened.kind !== "value") return opened.code === NO_PERMISSION ? null : absence(opened.code);
  const handle = opened.value;
  given.push(handle);
  const uuid = askOnce(driver, UUID, gpu, handle);
  if (uuid.kind !== "value") return absence(uuid.code);
  const gpuInstance = askOnce(driver, GPU_INSTANCE, gpu, handle);
  if (gpuInstance.kind !== "value") return absence(gpuInstance.code);
  const computeInstance = askOnce(driver, COMPUTE_INSTANCE, gpu, handle);
  if (computeInstance.kind !== "value") return absence(computeInstance.code);
  return { handle, uuid: uuid.value, gpuInstance: gpuInstance.value, computeInstance: computeInstance.value };
}

/** Null when the code says that nothing is there. Drivers can go on handing out a handle of what was taken away. */
function absence(code: number): number | null {
  return saysGone(code) ? null : code;
}

/** What the driver says of an instance that does not exist, or does not exist any more. */
export function saysGone(code: number): boolean {
  return code === NOT_FOUND || code === INVALID_ARGUMENT;
}

function word(call: CallOf<"device-out">, most: number): Ask<number> {
  return [{ ...plain(call, UINT32_BYTES), decode: ({ view }) => known(uint32(view, 0, most)) }];
}

function known(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
