// What the sampler and its worker say to each other. Both ends are built from one source, so these are types
// only; nothing here crosses a version boundary.

import type { GpuSample, GpuSource } from "../../../shared/model/gpu.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { LibraryOptions } from "./library.ts";

export interface WorkerSettings {
  readonly library: LibraryOptions;
  readonly intervalMs: Millis;
  readonly marks: SharedArrayBuffer;
}

export interface ToWorker {
  readonly kind: "stop";
}

export interface FromWorker {
  readonly kind: "cycle";
  readonly at: EpochMs;
  readonly samples: readonly GpuSample[];
  /** Null when it is the one of the cycle before. */
  readonly source: GpuSource | null;
}
