// One generation of the connection to the driver: load, initialise, enumerate, sample, close. It ends as a
// whole when the driver says that the connection is dead or when the set of GPUs changes, and never ends
// because of one GPU. Nothing is carried from one generation to the next but who the GPUs were. When the next
// one starts is decided in generations.ts.

import type { GpuIdentity, GpuSample, GpuSource, GpuSurvey } from "../../../shared/model/gpu.ts";
import { SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { initialize, shutDown, sourceOf } from "./connection.ts";
import type { Outcome } from "./connection.ts";
import type { Device } from "./device.ts";
import { countDevices, driverVersion, enumerate, returns } from "./enumerate.ts";
import { openEvents } from "./events.ts";
import type { Events } from "./events.ts";
import { locateLibrary } from "./library.ts";
import type { LibraryOptions } from "./library.ts";
import type { MarkWriter } from "./marks.ts";
import type { Driver } from "./reader.ts";
import { surveyOf } from "./survey.ts";

/** How often it is asked whether the driver and its GPUs are still the same, and whether an absent one is back. */
const RECHECK_MS = 10_000;

export interface GenerationOptions {
  readonly library: LibraryOptions;
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
  /** All GPUs once, or why the generation is over. `now` is monotonic. Rows hold until the next sample (device.ts). */
  readonly sample: (now: Millis) => SampleResult;
  /** Reads the slow group with the next sample, whenever it is due. */
  readonly hasten: () => void;
  readonly events: Events;
  readonly survey: () => GpuSurvey;
  readonly close: () => void;
}

export type SampleResult =
  | {
      readonly kind: "samples";
      readonly samples: readonly GpuSample[];
      /** Whether a GPU has answered nothing, as one that is lost, that waits for its reset or that has just had it. */
      readonly anySilent: boolean;
    }
  /** The connection is dead; `source` says how. */
  | { readonly kind: "over"; readonly source: GpuSource }
  /** The connection works, and driver, GPUs or their instances are other ones: open again at once. */
  | { readonly kind: "changed" };

export type OpenResult =
  | { readonly kind: "open"; readonly generation: Generation }
  | { readonly kind: "not-open"; readonly source: GpuSource };

export function openGeneration(options: GenerationOptions): OpenResult {
  const { marks, clock } = options;
  // 1. The library.
  const located = locateLibrary(options.library);
  if (located.kind === "missing") return notOpen({ state: "library-missing", detail: located.detail });
  const { library } = located;

  // 2. The connection.
  marks.forget();
  const initialized = initialize(library, marks);
  if (initialized.code !== SUCCESS) {
    library.unload();
    return notOpen(sourceOf(initialized));
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
  const close = (): void => {
    // What the driver holds for us is given back while it still can be.
    events?.close();
    for (const device of devices) device.close();
    shutDown(library, marks);
  };
  const refuse = (source: GpuSource): OpenResult => {
    close();
    return notOpen(source);
  };

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

  /** True when driver or GPUs are other ones, or one that was absent lets itself be opened again. */
  const hasChanged = (): boolean => {
    const current = driverVersion(driver);
    if (current !== null && version !== null && current !== version) return true;
    const recounted = countDevices(driver);
    if (recounted.code === SUCCESS && recounted.count !== counted.count) return true;
    return devices.some((device) =>
      device.absence() === null ? device.isAnother() : returns(driver, device.identity),
    );
  };
  const sample = (now: Millis): SampleResult => {
    if (devices.some((device) => device.hasChanged())) return { kind: "changed" };
    if (isRecheckDue(now) && hasChanged()) return { kind: "changed" };
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
  };
  return { kind: "open", generation };
}

function notOpen(source: GpuSource): OpenResult {
  return { kind: "not-open", source };
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
