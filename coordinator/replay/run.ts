// What a replay gives back: figures, a timeline for plots, and what happened with its reasons. Plain data, so that it goes
// into JSON as it is. Null is unknown or undefined (a share of nothing), never zero. Money is in USD, counted from the end
// of the warm-in.

import type { CapacityType } from "../../shared/model/node.ts";
import type { Reason } from "../../shared/model/reasons.ts";

export interface Run {
  readonly scenario: string;
  readonly sizer: string;
  readonly seed: number;
  readonly score: Score;
  readonly timeline: readonly TimelineBin[];
  readonly happenings: readonly Happening[];
  /** Happenings beyond the bound that are not listed. */
  readonly happeningsLeftOut: number;
  readonly decisions: number;
}

export type ByTier = Readonly<Record<CapacityType, number>>;

export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface Score {
  /** Null: a price was not known for some time, which `unknownNodeHours` then says; `usdKnown` is the rest. */
  readonly usd: number | null;
  readonly usdKnown: number;
  readonly usdByTier: ByTier;
  readonly usdByState: {
    readonly allocated: number;
    readonly idle: number;
    readonly booting: number;
    readonly draining: number;
  };
  /** The same node-hours at the on-demand price of their instant; null where that is not known throughout. */
  readonly usdAtOnDemand: number | null;
  /** Work × the cheapest price that could be had at that instant, whole GPUs, no wait, no boot, no loss: the floor. */
  readonly usdBound: number | null;
  readonly unknownNodeHours: number;
  readonly nodeHours: ByTier;
  readonly provisionedGpuHours: number;
  readonly allocatedGpuHours: number;
  /** Of work that had not to be done again. */
  readonly usefulGpuHours: number;
  /** Work done again, with restarts. */
  readonly lostGpuHours: number;
  /** GPUs wanted and not running, integrated: the price of being late. */
  readonly unmetGpuMinutes: number;
  /** Seconds from arrival to the first start, of jobs that arrived after the warm-in. */
  readonly waitS: Quantiles;
  /** The same with each wait after a loss. */
  readonly waitWithRequeuesS: Quantiles;
  readonly startedWithin60s: number | null;
  readonly startedWithin300s: number | null;
  /** Completion time ÷ run time. */
  readonly stretch: Quantiles;
  readonly jobs: { readonly arrived: number; readonly finished: number; readonly unfinished: number };
  readonly interruptions: {
    readonly count: number;
    readonly clean: number;
    readonly perSpotInstanceHour: number | null;
  };
  readonly nodesAdded: number;
  readonly nodesRemoved: number;
  readonly launchesFailed: number;
  /** Null: no services. Share of time with fewer replicas running than wanted; replica-minutes missed ÷ wanted. */
  readonly services: { readonly underProvisionedShare: number; readonly missedShare: number } | null;
}

export interface TimelineBin {
  /** Start of the bin, milliseconds from the scenario's start. */
  readonly atMs: number;
  /** Means over the bin. */
  readonly nodes: ByTier;
  readonly booting: number;
  readonly draining: number;
  readonly gpusProvisioned: number;
  readonly gpusAllocated: number;
  readonly gpusQueued: number;
  readonly usdPerHour: number | null;
  /** Of what has a known price. */
  readonly usdPerHourByTier?: ByTier;
  readonly forecastP50?: number;
  readonly forecastP90?: number;
}

export type Happening = {
  readonly atMs: number;
  readonly pool: string;
} & (
  | {
      readonly kind: "grow" | "replace" | "shrink" | "release";
      readonly from: number;
      readonly to: number;
      readonly because: readonly Reason[];
    }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "notice" | "interrupted" | "launch-failed"; readonly node: string | null }
);
