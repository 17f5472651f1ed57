// Rates from the GPU's own counters (GPM, Hopper and newer): two samples some time apart give the activity between
// them. One sampler for each GPU, which also serves its MIG instances.

import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Address } from "./native.ts";
import type { Driver } from "./reader.ts";

export interface Gpm {
  /** Whether this GPU has counters of this kind. */
  readonly supported: boolean;
  /** Takes a sample and writes the gpm readings since the one before. `now` is monotonic. */
  readonly read: (readings: GpuReadings, now: Millis) => void;
  /** Gives back what the driver holds for us; before the connection is closed. */
  readonly close: () => void;
}

/** `gpuInstance` null: the whole GPU; else that instance of it, with the handle of the parent. */
export function openGpm(_driver: Driver, _gpu: number, _handle: Address, _gpuInstance: number | null): Gpm {
  return { supported: false, read: () => {}, close: () => {} };
}
