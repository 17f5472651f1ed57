// One generation of the connection to the driver: load, initialise, enumerate, sample, close. It ends as a
// whole when the driver says that the connection is dead or when the number of GPUs changes, and never ends
// because of one GPU. Nothing is carried from one generation to the next but who the GPUs were. When the next
// one starts is decided in generations.ts.

import type { GpuIdentity, GpuSample, GpuSource } from "../../../shared/model/gpu.ts";
import {
  DRIVER_NOT_LOADED,
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  GPU_NOT_FOUND,
  LIBRARY_NOT_FOUND,
  meaningOf,
  nameOf,
  NO_PERMISSION,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { CallName } from "./calls.ts";
import { absentDevice, createDevice, openDevice, openDeviceAt, unidentified } from "./device.ts";
import type { Device } from "./device.ts";
import { INIT_NO_GPUS, TEXT_BYTES } from "./layout.ts";
import { locateLibrary } from "./library.ts";
import type { Library, LibraryOptions } from "./library.ts";
import { marked } from "./marks.ts";
import type { MarkWriter } from "./marks.ts";
import { textOf } from "./native.ts";
import type { Driver } from "./reader.ts";

/** How often the count is compared and an absent GPU is tried again. */
const RECHECK_MS = 10_000;

export interface GenerationOptions {
  readonly library: LibraryOptions;
  readonly marks: MarkWriter;
  readonly blockOf: Driver["blockOf"];
  /** The GPUs of the generation before: one that is not found again is reported lost, not forgotten. */
  readonly known: readonly GpuIdentity[];
  readonly now: Millis;
}

export interface Generation {
  readonly source: Extract<GpuSource, { state: "ready" }>;
  /** All GPUs once, or why the generation is over. */
  readonly sample: (now: Millis) => SampleResult;
  readonly close: () => void;
}

export type SampleResult =
  | { readonly kind: "samples"; readonly samples: readonly GpuSample[] }
  /** The connection is dead; `source` says how. */
  | { readonly kind: "over"; readonly source: GpuSource }
  /** The connection works and the set of GPUs has changed: open again at once. */
  | { readonly kind: "changed" };

export type OpenResult =
  | { readonly kind: "open"; readonly generation: Generation }
  | { readonly kind: "not-open"; readonly source: GpuSource };

interface Fatal {
  readonly call: CallName;
  readonly code: number;
}

export function openGeneration(options: GenerationOptions): OpenResult {
  // 1. The library.
  const located = locateLibrary(options.library);
  if (located.kind === "missing") return notOpen({ state: "library-missing", detail: located.detail });
  const { library } = located;

  // 2. The connection.
  const initialized = initialize(library, options.marks);
  if (initialized.code !== SUCCESS) {
    library.unload();
    return notOpen(sourceOf(initialized));
  }
  const ended: { by: Fatal | null } = { by: null };
  const driver: Driver = {
    library,
    marks: options.marks,
    blockOf: options.blockOf,
    onFatal: (call, code) => {
      ended.by ??= { call, code };
    },
  };
  const close = (): void => shutDown(library, options.marks);
  const refuse = (source: GpuSource): OpenResult => {
    close();
    return notOpen(source);
  };

  // 3. Who is there.
  const version = driverVersion(driver);
  const counted = countDevices(driver);
  if (counted.code !== SUCCESS)
    return refuse(sourceOf({ call: "nvmlDeviceGetCount_v2", code: counted.code }, version));
  if (counted.count === 0 && options.known.length === 0)
    return refuse({ state: "no-device", driver: version });
  const { devices, refusal } = enumerate(driver, counted.count, options.known);
  if (ended.by !== null) return refuse(sourceOf(ended.by, version));
  if (devices.length === 0) return refuse(sourceOf({ call: "nvmlDeviceGetHandleByIndex_v2", code: refusal }));

  // 4. Ready.
  const source = { state: "ready", driver: version, gpus: devices.map((device) => device.identity) } as const;
  let checkedAt: number = options.now;
  const sample = (now: Millis): SampleResult => {
    if (now - checkedAt >= RECHECK_MS) {
      checkedAt = now;
      if (hasChanged(driver, devices, counted.count)) return { kind: "changed" };
    }
    const samples = devices.map((device) => device.sample());
    return ended.by === null
      ? { kind: "samples", samples }
      : { kind: "over", source: sourceOf(ended.by, version) };
  };
  return { kind: "open", generation: { source, sample, close } };
}

/** What a dead or refused connection is called. */
function sourceOf({ call, code }: Fatal, driver = "unknown"): GpuSource {
  if (code === DRIVER_NOT_LOADED) return { state: "driver-not-loaded", code };
  if (code === GPU_NOT_FOUND) return { state: "no-device", driver };
  if (code === LIBRARY_NOT_FOUND) {
    return { state: "library-missing", detail: `${call} cannot load a library that it needs itself` };
  }
  return { state: "failed", call, code, detail: `${call} answered ${nameOf(code)}` };
}

function notOpen(source: GpuSource): OpenResult {
  return { kind: "not-open", source };
}

/** Without any GPU some drivers refuse a plain init; the flag then keeps "no GPU" apart from "no driver". */
function initialize(library: Library, marks: MarkWriter): Fatal {
  const call = "nvmlInit_v2";
  const init = library.bind(call);
  if (init === null) return { call, code: FUNCTION_NOT_FOUND };
  const code = marked(marks, call, null, () => init());
  const withFlags = code === GPU_NOT_FOUND ? library.bind("nvmlInitWithFlags") : null;
  if (withFlags === null) return { call, code };
  return { call, code: marked(marks, "nvmlInitWithFlags", null, () => withFlags(INIT_NO_GPUS)) };
}

function shutDown(library: Library, marks: MarkWriter): void {
  const shutdown = library.bind("nvmlShutdown");
  if (shutdown !== null) marked(marks, "nvmlShutdown", null, () => shutdown());
  // Unmapped, so that the next generation loads the file of a driver that was upgraded meanwhile.
  library.unload();
}

function driverVersion(driver: Driver): string {
  const call = "nvmlSystemGetDriverVersion";
  const bound = driver.library.bind(call);
  if (bound === null) return "unknown";
  const block = driver.blockOf(call, TEXT_BYTES.version);
  const code = marked(driver.marks, call, null, () => bound(block.address, TEXT_BYTES.version));
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  return code === SUCCESS ? textOf(block.bytes) : "unknown";
}

function countDevices(driver: Driver): { readonly code: number; readonly count: number } {
  const call = "nvmlDeviceGetCount_v2";
  const bound = driver.library.bind(call);
  if (bound === null) return { code: FUNCTION_NOT_FOUND, count: 0 };
  const block = driver.blockOf(call, 4);
  const code = marked(driver.marks, call, null, () => bound(block.address));
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  return { code, count: block.view.getUint32(0, true) };
}

interface Enumerated {
  readonly devices: readonly Device[];
  /** The code of the last GPU that is not ours to see. */
  readonly refusal: number;
}

function enumerate(driver: Driver, count: number, known: readonly GpuIdentity[]): Enumerated {
  const devices: Device[] = [];
  const silent: { readonly index: number; readonly code: number }[] = [];
  let refusal = SUCCESS;
  for (let index = 0; index < count; index++) {
    const opened = openDevice(driver, index);
    if (opened.kind === "opened") devices.push(createDevice(driver, index, opened.handle));
    // The count includes GPUs that this container was not given; those are somebody else's.
    else if (opened.code === NO_PERMISSION) refusal = opened.code;
    else silent.push({ index, code: opened.code });
  }
  // A silent place is the known GPU that was there, if that one has not turned up elsewhere.
  const found = new Set(devices.map((device) => device.identity.uuid));
  const missing = known.filter((identity) => !found.has(identity.uuid));
  for (const { index, code } of silent) {
    const at = missing.findIndex((identity) => identity.index === index);
    const identity = at < 0 ? unidentified(index, code) : missing.splice(at, 1)[0];
    devices.push(absentDevice(identity ?? unidentified(index, code), code));
  }
  // What is left has vanished from the count as well.
  const identified = missing.filter((identity) => !identity.uuid.startsWith("unidentified"));
  devices.push(...identified.map((identity) => absentDevice(identity, GPU_IS_LOST)));
  return { devices: devices.toSorted((a, b) => a.identity.index - b.identity.index), refusal };
}

/** True when the driver counts differently, or lets a GPU be opened again that was absent. */
function hasChanged(driver: Driver, devices: readonly Device[], count: number): boolean {
  const counted = countDevices(driver);
  if (counted.code === SUCCESS && counted.count !== count) return true;
  return devices.some(({ identity, absence }) => absence() !== null && returns(driver, identity));
}

/** By bus address: asking for a GPU by UUID fails while any GPU is lost, and this touches no other. */
function returns(driver: Driver, identity: GpuIdentity): boolean {
  const { index, busId } = identity;
  const opened =
    busId.kind === "value" ? openDeviceAt(driver, index, busId.value) : openDevice(driver, index);
  // A handle alone proves nothing: some drivers hand one out and then answer "lost" to every question.
  return opened.kind === "opened" && createDevice(driver, index, opened.handle).sample().state === "present";
}
