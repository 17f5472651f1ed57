// All that a decision may know, at one moment: frozen, complete, JSON in and out. What could not be read is
// said here (`unknown`, `missing`), never guessed. A bug report, a golden test and a replay step are the same
// thing: one of these in a file.

import type { DrainRequest, DrainState, Mark } from "../../shared/contract/node-marks.ts";
import type { MoveState, PolicySpec } from "../../shared/contract/policy.ts";
import type { NoticeSource } from "../../shared/model/interruption.ts";
import type { Taint, Toleration } from "../../shared/model/kube.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { EpochMs, Ratio } from "../../shared/model/units.ts";

export interface Snapshot {
  readonly v: 1;
  readonly at: EpochMs;
  /** `since`: the moment from which every watch has been complete. Nothing is removed while unsynced. */
  readonly sync:
    | { readonly kind: "synced"; readonly since: EpochMs }
    | { readonly kind: "unsynced"; readonly missing: readonly string[] };
  readonly policies: readonly PolicyInput[];
  readonly nodes: readonly NodeInput[];
  /** Every pod that is not finished, bound or not. */
  readonly pods: readonly PodInput[];
  readonly budgets: readonly BudgetInput[];
  readonly notices: readonly NoticeInput[];
  readonly memory: Memory;
}

export type PolicyInput =
  | {
      readonly kind: "valid";
      readonly name: string;
      readonly spec: PolicySpec;
      readonly pools: readonly PoolInput[];
      readonly journal: Journal;
    }
  | {
      readonly kind: "invalid";
      readonly name: string;
      readonly problems: readonly string[];
      readonly pools: readonly string[];
    };

/** One entry for each pool of the spec, in its order. */
export interface PoolInput {
  readonly name: string;
  readonly group: GroupReading;
  /** What the group says it has; empty for a group that shows no members. */
  readonly instances: readonly InstanceInput[];
}

export type GroupReading =
  | { readonly kind: "none" }
  | { readonly kind: "known"; readonly size: number; readonly chosenRemoval: boolean }
  | { readonly kind: "missing"; readonly detail: string }
  | { readonly kind: "unknown"; readonly detail: string };

export interface InstanceInput {
  readonly id: string;
  readonly node: string | null;
  /** `booting`: not yet a Ready node. `leaving`: deletion has begun. `failed`: it will never come. */
  readonly state: "booting" | "ready" | "leaving" | "failed";
}

export interface NodeInput {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly ready: "ready" | "not-ready" | "unknown";
  readonly createdAt: EpochMs;
  readonly allocatable: Resources;
  readonly drainState: Mark<DrainState>;
  readonly drainRequest: Mark<DrainRequest>;
  readonly telemetry: Telemetry;
}

/** What the node's agent has said. Times are receipts on the coordinator's clock, so skew does not matter. */
export type Telemetry =
  | {
      readonly kind: "unknown";
      readonly because: "never-reported" | "source-not-ready";
      readonly detail: string;
    }
  | {
      readonly kind: "reported";
      readonly receivedAt: EpochMs;
      readonly gpus: readonly GpuInput[];
      /** Reports since the last decision, oldest first; none is skipped, so no blip is missed. */
      readonly since: readonly ReportDigest[];
    };

export interface GpuInput {
  readonly uuid: string;
  /** Mean over 60 s, 0..1; null when the card cannot tell or the window is empty. */
  readonly mean60: Ratio | null;
}

/** One report, reduced to what idleness needs. */
export interface ReportDigest {
  readonly at: EpochMs;
  /** The largest p95 of any GPU over 10 s; null when one GPU's is not known. */
  readonly busiest: Ratio | null;
  /** The largest single sample of any GPU over 10 s; null when one GPU's is not known. */
  readonly peak: Ratio | null;
  /** The smallest coverage of any GPU's 10 s window. */
  readonly coverage: Ratio;
}

export interface PodInput {
  /** namespace/name */
  readonly key: string;
  readonly uid: string;
  readonly node: string | null;
  readonly createdAt: EpochMs;
  /** Where the scheduler stands with a pod that has no node. */
  readonly waiting:
    | { readonly kind: "unschedulable"; readonly since: EpochMs }
    | { readonly kind: "gated" }
    | { readonly kind: "undecided" }
    | null;
  readonly nominatedNode: string | null;
  readonly terminating: boolean;
  readonly owner: { readonly uid: string; readonly kind: string } | null;
  readonly daemon: boolean;
  readonly mirror: boolean;
  readonly class: EvictionClass;
  readonly requests: Resources;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly priority: number;
  /** Only those that decisions read: safe-to-evict, do-not-disrupt, reclaim. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface BudgetInput {
  /** namespace/name */
  readonly key: string;
  readonly disruptionsAllowed: number;
  /** Keys of the pods that the budget's selector matches. */
  readonly pods: readonly string[];
}

export interface NoticeInput {
  readonly id: string;
  readonly node: string;
  readonly source: NoticeSource;
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly replace: boolean;
  /** True once the agent reports nothing evictable left, or the node is gone. */
  readonly drained: boolean;
}

/** What the policy's status carries from cycle to cycle and from leader to leader. */
export interface Journal {
  readonly moves: readonly MoveState[];
  /** Per pool; absent: never. */
  readonly lastUpAt: Readonly<Record<string, EpochMs>>;
  readonly lastDownAt: Readonly<Record<string, EpochMs>>;
  readonly additions: readonly { readonly at: EpochMs; readonly nodes: number }[];
}

/** What the next decision wants to remember and may lose at the price of caution (NATS KV). */
export interface Memory {
  readonly v: 1;
  /** When this was written; null before the first decision. */
  readonly at: EpochMs | null;
  readonly nodes: Readonly<Record<string, NodeMemory>>;
  /** `<policy>/<pool>` → what a real node of the pool offers, kept for when the pool is at zero. */
  readonly shapes: Readonly<Record<string, NodeShape>>;
  /** `<policy>` → since when the mean utilisation has been over the threshold. */
  readonly hotSince: Readonly<Record<string, EpochMs>>;
  /** `<policy>/<pool>` → nodes asked for and not here, and since when that number has not changed. Absent: none. */
  readonly launches?: Readonly<Record<string, LaunchMemory>>;
}

export interface LaunchMemory {
  readonly missing: number;
  readonly since: EpochMs;
}

export interface NodeMemory {
  readonly idleSince: EpochMs | null;
  /** Receipt of the last report that the idle timer has seen. */
  readonly lastReportAt: EpochMs | null;
  readonly emptySince: EpochMs | null;
}

export interface NodeShape {
  /** What is left for workloads: a real node's allocatable less what its DaemonSet and static pods request. */
  readonly allocatable: Resources;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
}

export const EMPTY_MEMORY: Memory = { v: 1, at: null, nodes: {}, shapes: {}, hotSince: {} };

export const EMPTY_JOURNAL: Journal = { moves: [], lastUpAt: {}, lastDownAt: {}, additions: [] };
