// What the agent's loop knows of the place that GPU readings come from: it is told of each cycle and of each
// change of the source's state, and it can stop it. The driver (nvml/sampler.ts) is one such place, a recording of
// one (replay/sampler.ts) is another.

import type { GpuCycle, GpuEvent, GpuSource, GpuSurvey } from "../../shared/model/gpu.ts";
import type { Millis } from "../../shared/model/units.ts";

export interface GpuListener {
  /** All GPUs at one moment, or the named reason for having none. Not called while a driver call hangs. */
  readonly onCycle: (cycle: GpuCycle) => void;
  /** The source's state is another one, or, while a call hangs, hangs for longer. */
  readonly onSource: (source: GpuSource) => void;
  /** What the driver reported, at once. */
  readonly onEvent: (event: GpuEvent) => void;
}

export interface GpuSampler {
  readonly source: () => GpuSource;
  /** The call in which the driver is at the moment, however short; absent where there is no driver. */
  readonly inCall?: () => { readonly call: string; readonly gpu: number | null } | null;
  /** What the driver can and cannot tell, asked of the worker. Null when it does not answer within the time. */
  readonly survey: (withinMs: Millis) => Promise<GpuSurvey | null>;
  /** Lets go of the driver so that it can be unloaded, until `resume`; the source says `failed` meanwhile. */
  readonly release: () => void;
  readonly resume: () => void;
  /**
   * Lets the cycle in progress end, closes the driver and resolves with "stopped"; with "hung" when that takes
   * longer than `withinMs`. A hung driver call keeps the whole process from exiting, so the caller then has
   * one way out: say what it has to say, and send itself SIGKILL.
   */
  readonly stop: (withinMs: Millis) => Promise<"stopped" | "hung">;
}
