// What is wrong with a GPU, in what degree, by which evidence, and what would make it well again. The agent states it
// and acts on none of it; who cordons, drains or replaces is the coordinator or a person.

import type { GpuUuid } from "./gpu.ts";
import type { EpochMs } from "./units.ts";

/**
 * - `application`: a program did something wrong; the GPU is well.
 * - `suspicion`: odd, and no more than that.
 * - `degraded`: works, and should be seen to when it is idle.
 * - `fatal`: not fit for work.
 */
export type HealthLevel = "application" | "suspicion" | "degraded" | "fatal";

/** What usually helps, in the order of its cost. */
export type HealthRemedy =
  | "none"
  | "restart-application"
  | "reset-gpu"
  | "reboot-node"
  | "replace-node"
  | "check-machine"
  | "check-driver";

/** One rule's standing verdict on one GPU, or on the node where `gpu` is null. */
export interface HealthFinding {
  /** Name of the row in the table of rules (agent/assess/health/rules.ts). */
  readonly rule: string;
  readonly gpu: GpuUuid | null;
  readonly level: HealthLevel;
  readonly since: EpochMs;
  /** What was read or heard, with its numbers: `Xid 79 (kernel log)`. */
  readonly evidence: string;
  readonly remedy: HealthRemedy;
  /** What would end it: `a reset of the GPU or a reboot`. */
  readonly clears: string;
}

/** `unknown`: the GPUs cannot be asked, so nothing is known to be wrong and nothing to be well. */
export type NodeHealth = "healthy" | "degraded" | "fatal" | "unknown";
