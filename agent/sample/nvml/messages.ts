// What the main thread and the worker say to each other. Both are compiled from one source, so these are types
// only; nothing here crosses a version boundary.

import type { GpuEvent, GpuSample, GpuSource, GpuSurvey } from "../../../shared/model/gpu.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { LibraryOptions } from "./library.ts";

export interface WorkerSettings {
  readonly library: LibraryOptions;
  readonly intervalMs: Millis;
  /** How often the slow group is read. */
  readonly slowIntervalMs: Millis;
  /** Whether the GPU's own counters are sampled, where it has them. */
  readonly gpm: boolean;
  /** Whether it begins as after a `release`, as a worker does that follows one that crashed. */
  readonly released: boolean;
  readonly marks: SharedArrayBuffer;
}

export type ToWorker =
  | { readonly kind: "stop" }
  /** Answered by a `survey`, after the cycle in progress. */
  | { readonly kind: "survey" }
  /** Close the driver and keep it closed until `resume`: somebody wants to unload it. */
  | { readonly kind: "release" }
  | { readonly kind: "resume" };

export type FromWorker =
  | {
      readonly kind: "cycle";
      readonly at: EpochMs;
      readonly samples: readonly GpuSample[];
      /** Null when it is the one of the cycle before. */
      readonly source: GpuSource | null;
    }
  /** At once, between cycles. */
  | { readonly kind: "event"; readonly event: GpuEvent }
  | { readonly kind: "survey"; readonly survey: GpuSurvey };
