// What the agent's loop knows of the place that GPU readings come from: it is told of each cycle and of each
// change of the source's state, and it can stop it. The driver (nvml/sampler.ts) is one such place.

import type { GpuCycle, GpuSource } from "../../shared/model/gpu.ts";
import type { Millis } from "../../shared/model/units.ts";

export interface GpuListener {
  /** All GPUs at one moment, or the named reason for having none. Not called while a driver call hangs. */
  readonly onCycle: (cycle: GpuCycle) => void;
  /** The source's state is another one, or, while a call hangs, hangs for longer. */
  readonly onSource: (source: GpuSource) => void;
}

export interface GpuSampler {
  readonly source: () => GpuSource;
  /**
   * Lets the cycle in progress end, closes the driver and resolves with "stopped"; with "hung" when that takes
   * longer than `withinMs`. A hung driver call keeps the whole process from exiting, so the caller then has
   * one way out: say what it has to say, and send itself SIGKILL.
   */
  readonly stop: (withinMs: Millis) => Promise<"stopped" | "hung">;
}
