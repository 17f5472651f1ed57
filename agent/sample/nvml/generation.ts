// One generation of the connection to the driver: load, initialise, enumerate, sample, close. It ends as a
// whole when the driver says that the connection is dead or when the set of GPUs changes, and never ends
// because of one GPU. Nothing is carried from one generation to the next but who the GPUs were. When the next
// one starts is decided in generations.ts.

import type { GpuIdentity, GpuSource, GpuSurvey } from "../../../shared/model/gpu.ts";
import { LIB_RM_VERSION_MISMATCH, SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { initialize, shutDown, sourceOf } from "./connection.ts";
import type { Outcome } from "./connection.ts";
import type { Device, LiveSample } from "./device.ts";
import type { Driver } from "./driver.ts";
import { countDevices, driverVersion, enumerate, returns } from "./enumerate.ts";
import { openEvents } from "./events.ts";
import type { Events } from "./events.ts";
import { locateLibrary } from "./library.ts";
import type { Library, LibraryOptions, Located } from "./library.ts";
import type { MarkWriter } from "./marks.ts";
import { surveyOf } from "./survey.ts";

/** How often it is asked whether the driver and its GPUs are still the same, and whether an absent one is back. */
const RECHECK_MS = 10_000;

export interface GenerationOptions {
  readonly library: LibraryOptions;
  /** What the generation before left loaded, which is used if its file is still the same; null when nothing is. */
  readonly loaded: Library | null;
  readonly marks: MarkWriter;
  readonly blockOf: Driver["blockOf"];
  /** The GPUs of the generation before: one that is not found again is reported lost, not forgotten. */
  readonly known: readonly GpuIdentity[];
  readonly intervalMs: Millis;
  readonly slowIntervalMs: Millis;
  readonly gpm: boolean;
  readonly clock: { readonly now: () => EpochMs; readonly monotonic: () => Millis };
}

export interface Generation {
  readonly source: Extract<GpuSource, { state: "ready" }>;
  /** All GPUs once, or why the generation is over. `now` is monotonic. */
  readonly sample: (now: Millis) => SampleResult;
  /** Reads the slow group with the next sample, whenever it is due. */
  readonly hasten: () => void;
  readonly events: Events;
  readonly survey: () => GpuSurvey;
  /** Closes the connection and unloads the library. */
  readonly close: () => void;
  /**
   * Closes the connection, and hands over the library for the next generation: what loading it and binding its functions
   * takes, the process gets back late or never.
   */
  readonly leave: () => Library;
}

export type SampleResult =
  | {
      readonly kind: "samples";
      readonly samples: readonly LiveSample[];
      /**
       * Whether a GPU has answered nothing, as one that is lost, that waits for its reset or that has just had it, or has not
       * told who it is.
       */
      readonly anySilent: boolean;
    }
  /** The connection is dead; `source` says how. */
  | { readonly kind: "over"; readonly source: GpuSource }
  /** The connection works, and driver, GPUs or their instances are other ones: open again at once. */
  | { readonly kind: "changed"; readonly what: "driver" | "gpus" };

export type OpenResult =
  | { readonly kind: "open"; readonly generation: Generation }
  | {
      readonly kind: "not-open";
      readonly source: GpuSource;
      /** As of `leave`. */
      readonly loaded: Library | null;
    };

export function openGeneration(options: GenerationOptions): OpenResult {
  const { marks, clock } = options;
  // 1. The library.
  const located = takeOver(options.loaded) ?? locateLibrary(options.library);
  if (located.kind === "missing") return notOpen({ state: "library-missing", detail: located.detail }, null);
  const { library } = located;

  // 2. The connection.
  marks.forget();
  const initialized = initialize(library, marks);
  if (initialized.code !== SUCCESS) {
    // The one code that another library would not give.
    const isStale = initialized.code === LIB_RM_VERSION_MISMATCH;
    if (isStale) library.unload();
    return notOpen(sourceOf(initialized), isStale ? null : library);
  }
  const ended: { by: Outcome | null } = { by: null };
  const driver: Driver = {
    library,
    marks,
    blockOf: options.blockOf,
    onFatal: (call, code) => {
      ended.by ??= { call, code };
    },
  };
  let devices: readonly Device[] = [];
  let events: Events | null = null;
  const disconnect = (): void => {
    // What the driver holds for us is given back while it still can be.
    events?.close();
    for (const device of devices) device.close();
    shutDown(library, marks);
  };
  const close = (): void => {
    disconnect();
    // Unmapped, so that the next generation loads the file of a driver that was upgraded meanwhile.
    library.unload();
  };
  const leave = (): Library => {
    disconnect();
    return library;
  };
  const refuse = (source: GpuSource): OpenResult => notOpen(source, leave());

  // 3. Who is there.
  const version = driverVersion(driver);
  const named = version ?? "unknown";
  const counted = countDevices(driver);
  if (counted.code !== SUCCESS)
    return refuse(sourceOf({ call: "nvmlDeviceGetCount_v2", code: counted.code }, named));
  if (counted.count === 0 && options.known.length === 0) return refuse({ state: "no-device", driver: named });
  const deviceOptions = {
    branch: branchOf(named),
    intervalMs: options.intervalMs,
    gpm: options.gpm,
  };
  const enumerated = enumerate(driver, counted.count, options.known, deviceOptions);
  ({ devices } = enumerated);
  if (ended.by !== null) return refuse(sourceOf(ended.by, named));
  if (devices.length === 0)
    return refuse(sourceOf({ call: "nvmlDeviceGetHandleByIndex_v2", code: enumerated.refusal }));
  const subjects = devices.map(({ subject }) => subject).filter((subject) => subject !== null);
  events = openEvents(driver, subjects, clock);

  // 4. Ready.
  const source = { state: "ready", driver: named, gpus: devices.map(({ identity }) => identity) } as const;
  const isRecheckDue = createTurn(RECHECK_MS, clock.monotonic() + RECHECK_MS);
  const isSlowDue = createTurn(options.slowIntervalMs, null);
  let hastened = false;

  /** True when GPUs are other ones, or one that was absent lets itself be opened again. */
  const haveGpusChanged = (): boolean => {
    const recounted = countDevices(driver);
    if (recounted.code === SUCCESS && recounted.count !== counted.count) return true;
    return devices.some((device) =>
      device.absence() === null ? device.isAnother() : returns(driver, device.identity),
    );
  };
  const hasDriverChanged = (): boolean => {
    const current = driverVersion(driver);
    return current !== null && version !== null && current !== version;
  };
  const sample = (now: Millis): SampleResult => {
    if (devices.some((device) => device.hasChanged())) return { kind: "changed", what: "gpus" };
    if (isRecheckDue(now)) {
      if (hasDriverChanged()) return { kind: "changed", what: "driver" };
      if (haveGpusChanged()) return { kind: "changed", what: "gpus" };
    }
    const slow = isSlowDue(now) || hastened;
    hastened = false;
    const samples = devices.map((device) => device.sample(now, slow));
    return ended.by === null
      ? { kind: "samples", samples, anySilent: devices.some((device) => device.isSilent()) }
      : { kind: "over", source: sourceOf(ended.by, named) };
  };
  const generation: Generation = {
    source,
    sample,
    hasten: () => {
      hastened = true;
    },
    events,
    survey: () => surveyOf(library, marks, devices),
    close,
    leave,
  };
  return { kind: "open", generation };
}

function takeOver(loaded: Library | null): Extract<Located, { kind: "loaded" }> | null {
  if (loaded?.isCurrent() === true) return { kind: "loaded", library: loaded };
  loaded?.unload();
  return null;
}

function notOpen(source: GpuSource, loaded: Library | null): OpenResult {
  return { kind: "not-open", source, loaded };
}

function branchOf(version: string): number {
  const branch = Number.parseInt(version, 10);
  return Number.isNaN(branch) ? 0 : branch;
}

/**
 * True once in each `everyMs`, from `firstAt` on or from the first time that it is asked; asking late does not move the
 * rhythm.
 */
function createTurn(everyMs: number, firstAt: number | null): (now: Millis) => boolean {
  let next = firstAt;
  return (now) => {
    next ??= now;
    if (now < next) return false;
    next = Math.max(next, now - ((now - next) % everyMs)) + everyMs;
    return true;
  };
}
