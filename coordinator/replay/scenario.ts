// What a replay is given, all of it as data: machines that could be had and what they cost, work that came, and how long
// things take. It says nothing of who decides: the same scenario is played to every policy that is compared. Readers of
// files make it (inputs/), the engine plays it (engine/). Instants count in milliseconds from the scenario's start.

import type { ResourceList, Taint } from "../../shared/model/kube.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import type { Span } from "./world-options.ts";

export interface Scenario {
  /** For people alone; nothing may depend on it. */
  readonly name: string;
  readonly seed: number;
  /** The wall clock that policies, schedules and dated prices see. */
  readonly start: EpochMs;
  /** Figures begin then: before it the fleet and the forecast warm in. */
  readonly warmInMs: Millis;
  /** Nothing arrives after it, and figures of money and use end here. */
  readonly lengthMs: Millis;
  /** So long jobs that arrived may still run on; what is not done then is counted as unfinished. */
  readonly drainMs: Millis;
  /** AutoscalingPolicy objects, as users write them. Their pools name groups of `pools` by `group.simulated.name`. */
  readonly policies: readonly { readonly name: string; readonly spec: unknown }[];
  readonly pools: readonly PoolModel[];
  readonly work: Workload;
  readonly stocks: readonly StockTrace[];
  /** In order of time. A price holds until the next one of its place, type and tier; before the first it is unknown. */
  readonly prices: readonly PricePoint[];
  readonly times: TimeModel;
}

/** One group of machines at a provider: one type, one tier. */
export interface PoolModel {
  readonly name: string;
  readonly provider: "aws" | "gcp" | "azure";
  readonly region: string;
  readonly zones: readonly string[];
  readonly instanceType: string;
  readonly tier: CapacityType;
  /** What a node offers to pods: GPUs, `pods`, cpu, memory. */
  readonly allocatable: ResourceList;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly max: number;
  /** Nodes that are there at the start. */
  readonly initial: number;
  /** Nodes that are paid for at the pool's reserved price all the time, used or not. */
  readonly committed?: number;
}

/** How many machines of one type, zone and tier could be had. Absent for a pool's type and zone: without end. */
export interface StockTrace {
  readonly instanceType: string;
  readonly zone: string;
  readonly tier: CapacityType;
  /** `available` from `atMs` until the next step; null: without end. A fall below what is held takes the newest machines. */
  readonly steps: readonly { readonly atMs: number; readonly available: number | null }[];
}

export interface Workload {
  /** In order of arrival. */
  readonly jobs: readonly JobModel[];
  readonly services: readonly ServiceModel[];
}

export interface JobModel {
  readonly id: string;
  readonly arrivalMs: number;
  readonly durationMs: number;
  /** In all, over its workers. */
  readonly gpus: number;
  /** So many equal pods; all or nothing when `gang`. Absent: one pod, split only where no node has so many GPUs. */
  readonly workers?: number;
  readonly gang?: boolean;
  /** Kinds of GPU that it takes, as the pools' nodes are labelled. Absent: any. */
  readonly gpuTypes?: readonly string[];
  /** Of each pod. Absent: the world's own defaults. */
  readonly cpu?: string;
  readonly memory?: string;
}

/** Replicas that are wanted over time. */
export interface ServiceModel {
  readonly name: string;
  readonly gpusPerReplica: number;
  readonly steps: readonly { readonly atMs: number; readonly replicas: number }[];
  readonly gpuTypes?: readonly string[];
}

export interface TimeModel {
  /** Asked for → schedulable. */
  readonly nodeReadyMs: Span;
  /** Bound → running, of jobs and of replicas (a model that has to be loaded). */
  readonly jobStartMs: Millis;
  readonly serviceStartMs: Span;
  /** From the notice to the machine's end; 0: no notice is given. */
  readonly noticeMs: Millis;
  /** Whether anybody acts at a notice: agents that drain, a coordinator that replaces. */
  readonly handlesNotices: boolean;
  /** Work is saved this often; null: never. */
  readonly checkpointEveryMs: Millis | null;
  /** A checkpoint at a notice takes so long; work is kept where the notice leaves that time. */
  readonly checkpointTakesMs: Millis;
  /** What a job that comes back does before it goes on. */
  readonly restartMs: Millis;
  /** After a launch that failed the group tries again so much later. */
  readonly launchRetryMs: Millis;
}
