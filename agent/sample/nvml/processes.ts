// The processes on a GPU and the memory that each holds, as far as the agent's PID namespace shows them. Whose pods they
// are is found out elsewhere. A list that is incomplete is no list: a process that is missing would look like one that
// has ended.

import type { GpuProcess } from "../../../shared/model/gpu.ts";
import {
  FUNCTION_NOT_FOUND,
  INSUFFICIENT_SIZE,
  meaningOf,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import { bytes } from "../../../shared/model/units.ts";
import type { Bytes } from "../../../shared/model/units.ts";
import { ask } from "./ask.ts";
import { NOT_AVAILABLE_32 } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { PROCESS_DETAIL_V1, PROCESS_INFO, UINT64_BYTES } from "./layout.ts";
import type { Found } from "./mig-look.ts";
import type { Address } from "./native.ts";

/** The list, or the driver's code when it did not say. */
export type ProcessList =
  | { readonly kind: "list"; readonly processes: readonly GpuProcess[] }
  | { readonly kind: "refused"; readonly code: number };

/** The most telling kind first: a client of MPS stands in the list of compute processes as well. */
const LISTS = [
  { call: "nvmlDeviceGetMPSComputeRunningProcesses_v3", kind: "mps" },
  { call: "nvmlDeviceGetComputeRunningProcesses_v3", kind: "compute" },
  { call: "nvmlDeviceGetGraphicsRunningProcesses_v3", kind: "graphics" },
] as const;

/** Entries that there is room for at first, and beyond what the driver asks for: the list may grow between two calls. */
const FIRST_ROOM = 64;
const SLACK = 16;
/** More processes than a GPU can hold contexts of. */
const MOST_ROOM = 65_536;
const TRIES = 5;

export function createProcessReader(driver: Driver, gpu: number): (handle: Address) => ProcessList {
  const stride = strideOf(driver);
  const readers = LISTS.map(({ call, kind }) => ({
    kind,
    read: createListReader(driver, gpu, call, kind, stride),
  }));
  return (handle) => {
    const found = new Map<string, GpuProcess>();
    let answered = false;
    let refusal = FUNCTION_NOT_FOUND;
    for (const { read } of readers) {
      const list = read(handle);
      if (list.kind === "list") {
        answered = true;
        for (const process of list.processes) add(found, process);
      } else if (meaningOf(list.code) === "unsupported") refusal = list.code;
      else return list;
    }
    return answered ? { kind: "list", processes: [...found.values()] } : { kind: "refused", code: refusal };
  };
}

/**
 * Of a whole GPU. One that is cut is asked instance by instance: for the card as a whole the driver wants a privilege
 * then, and what runs there runs in an instance.
 */
export function createCardProcessReader(
  driver: Driver,
  gpu: number,
  handle: Address,
  instances: readonly Found[],
): () => ProcessList {
  if (instances.length === 0) {
    const read = createProcessReader(driver, gpu);
    return () => read(handle);
  }
  const readers = instances.map((instance) => ({ instance, read: createProcessReader(driver, gpu) }));
  return () => {
    const found = new Map<string, GpuProcess>();
    for (const { instance, read } of readers) {
      const list = read(instance.handle);
      if (list.kind === "refused") return list;
      const { gpuInstance, computeInstance } = instance;
      for (const process of list.processes) {
        add(found, {
          ...process,
          gpuInstance: process.gpuInstance ?? gpuInstance,
          computeInstance: process.computeInstance ?? computeInstance,
        });
      }
    }
    return { kind: "list", processes: [...found.values()] };
  };
}

/** A process with two kinds of context on one GPU is one process. */
function add(found: Map<string, GpuProcess>, process: GpuProcess): void {
  const key = `${process.pid} ${process.gpuInstance} ${process.computeInstance}`;
  const known = found.get(key);
  if (known === undefined) found.set(key, process);
  // Both entries count the same memory, so that the sum would be twice of it.
  else if (known.memoryBytes === null) found.set(key, { ...known, memoryBytes: process.memoryBytes });
}

type ListCall = (typeof LISTS)[number]["call"];

function createListReader(
  driver: Driver,
  gpu: number,
  call: ListCall,
  kind: GpuProcess["kind"],
  stride: number,
): (handle: Address) => ProcessList {
  const list = driver.library.bind(call);
  let declined = list === null ? FUNCTION_NOT_FOUND : null;
  let room = FIRST_ROOM;
  return (handle) => {
    if (list === null || declined !== null) return { kind: "refused", code: declined ?? FUNCTION_NOT_FOUND };
    let code = SUCCESS;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      // The count, and behind it the entries: each with room for the larger of its two layouts.
      const { address, view } = driver.blockOf(call, UINT64_BYTES + room * PROCESS_DETAIL_V1.size);
      view.setUint32(0, room, true);
      code = ask(driver, call, gpu, () => list(handle, address, address + BigInt(UINT64_BYTES)));
      const count = view.getUint32(0, true);
      if (code === SUCCESS)
        return { kind: "list", processes: decode(view, Math.min(count, room), stride, kind) };
      if (code !== INSUFFICIENT_SIZE || room === MOST_ROOM) break;
      room = Math.min(MOST_ROOM, Math.max(room * 2, powerOfTwo(count + SLACK)));
    }
    if (meaningOf(code) === "unsupported") declined = code;
    return { kind: "refused", code };
  };
}

/**
 * Drivers 535.43 to 535.86 return longer entries under the same name. They are told by what they export: they know of
 * protected memory and do not have the call yet that was made for the longer entries.
 */
function strideOf({ library }: Driver): number {
  const isEarly535 =
    library.bind("nvmlDeviceGetConfComputeMemSizeInfo") !== null &&
    library.bind("nvmlDeviceGetRunningProcessDetailList") === null;
  return isEarly535 ? PROCESS_DETAIL_V1.size : PROCESS_INFO.size;
}

/** Entries as the driver wrote them, behind the count. */
function decode(
  view: DataView,
  count: number,
  stride: number,
  kind: GpuProcess["kind"],
): readonly GpuProcess[] {
  const { pid, usedGpuMemory, gpuInstanceId, computeInstanceId } = PROCESS_INFO.members;
  return Array.from({ length: count }, (_, index) => {
    const at = UINT64_BYTES + index * stride;
    return {
      pid: view.getUint32(at + pid.at, true),
      kind,
      memoryBytes: memoryAt(view, at + usedGpuMemory.at),
      gpuInstance: instanceAt(view, at + gpuInstanceId.at),
      computeInstance: instanceAt(view, at + computeInstanceId.at),
    };
  });
}

/** All ones is "cannot tell"; past 2^53 no memory exists that it could describe. */
function memoryAt(view: DataView, at: number): Bytes | null {
  const value = view.getBigUint64(at, true);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? null : bytes(Number(value));
}

/** All ones outside of MIG. */
function instanceAt(view: DataView, at: number): number | null {
  const value = view.getUint32(at, true);
  return value === NOT_AVAILABLE_32 ? null : value;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
