// All that a decision may know, at one moment: frozen, complete, JSON in and out. What could not be read is
// said here (`unknown`, `missing`), never guessed. A bug report, a golden test and a replay step are the same
// thing: one of these in a file.

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import type { DrainRequest, DrainState, Mark } from "../../shared/contract/node-marks.ts";
import type { Machine } from "../../shared/contract/notice.ts";
import type { PolicySpec } from "../../shared/contract/policy.ts";
import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { NoticeKind, NoticeSource } from "../../shared/model/interruption.ts";
import type { Taint } from "../../shared/model/kube.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { RivalKind } from "../../shared/model/rival.ts";
import type { EpochMs, Ratio } from "../../shared/model/units.ts";
import type { Journal, Memory } from "./snapshot-memory.ts";
import type { DaemonInput, PodInput } from "./snapshot-pod.ts";

export interface Snapshot {
  readonly v: 1;
  readonly at: EpochMs;
  /**
   * `since`: the moment from which every watch has been complete. Nothing is removed while unsynced. `gapless`: every
   * change since then was decided on as it came, so that between two decisions nothing has happened, however far apart
   * they lie; a replay can know that, a live coordinator cannot. Absent: nobody says so.
   */
  readonly sync:
    | { readonly kind: "synced"; readonly since: EpochMs; readonly gapless?: boolean }
    | { readonly kind: "unsynced"; readonly missing: readonly string[] };
  readonly policies: readonly PolicyInput[];
  readonly nodes: readonly NodeInput[];
  /** Every pod that is not finished, bound or not. */
  readonly pods: readonly PodInput[];
  readonly budgets: readonly BudgetInput[];
  readonly notices: readonly NoticeInput[];
  readonly memory: Memory;
  /** Namespace → its labels, for affinity terms that select namespaces. Absent: none is known. */
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** DaemonSets that bring a pod to each node they match. Absent: not known; then only what stands on nodes counts. */
  readonly daemons?: readonly DaemonInput[];
  /** Prices that a source has read since the catalogue was made. Absent: the policy's and the catalogue's alone. */
  readonly prices?: readonly PricePoint[];
  /** How much packing this decision may do, in units of work. Absent: as much as it takes. */
  readonly workUnits?: number;
}

export interface PricePoint {
  readonly provider: string;
  readonly region: string;
  /** Absent: any zone of the region. */
  readonly zone?: string;
  readonly instanceType: string;
  readonly tier: CapacityType;
  readonly usdPerHour: number;
  readonly source: string;
  readonly at: EpochMs;
}

export type PolicyInput =
  | {
      readonly kind: "valid";
      readonly name: string;
      readonly spec: PolicySpec;
      readonly pools: readonly PoolInput[];
      readonly journal: Journal;
      /** GPUs that a forecast says will be in use; absent: there is none. A floor, behind the policy's mode of prediction. */
      readonly forecast?: ForecastInput;
    }
  | {
      readonly kind: "invalid";
      readonly name: string;
      readonly problems: readonly string[];
      readonly pools: readonly string[];
    };

export interface ForecastInput extends ForecastPart {
  /** One for each kind of GPU, where the policy has several; what stands above is then for show. Absent: one kind. */
  readonly parts?: readonly (ForecastPart & { readonly pools: readonly string[] })[];
}

export interface ForecastPart {
  readonly gpus: number;
  /** When they will be in use. */
  readonly at: EpochMs;
  readonly confidence: Ratio;
  /** Whether it has beaten its rivals on the past; without that it is shown and moves nothing. */
  readonly earned: boolean;
  /** GPUs that will be wanted again so soon that taking them away does not pay. Absent: it says nothing of that. */
  readonly keepGpus?: number;
}

/** One entry for each pool of the spec, in its order. */
export interface PoolInput {
  readonly name: string;
  readonly group: GroupReading;
  /** What the group says it has; empty for a group that shows no members. */
  readonly instances: readonly InstanceInput[];
  /** What one node of the group is, by the group's own word; before the catalogue, after a real node. Absent: it does not say. */
  readonly template?: GroupTemplate;
  /** What does not fit together between the group and the cluster, in words: shown as a condition. Absent: nothing. */
  readonly mismatches?: readonly string[];
  /** What else sizes the group or exchanges its machines, as it shows itself now. Absent: nothing is seen. */
  readonly rivals?: readonly RivalInput[];
}

export interface RivalInput {
  readonly rival: RivalKind;
  /** What was seen, in words. */
  readonly detail: string;
}

/** What a group says of the nodes that it makes. A missing part is one that it does not say. */
export interface GroupTemplate {
  readonly instanceTypes?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly allocatable?: Resources;
}

export type GroupReading =
  | { readonly kind: "none" }
  | {
      readonly kind: "known";
      readonly size: number;
      readonly chosenRemoval: boolean;
      /** Bounds that the group itself sets; a size beyond them is refused by its provider. Absent: none. */
      readonly min?: number;
      readonly max?: number;
      /** True: something else adds its nodes (Karpenter, for pods that wait), so that it is never grown by us. */
      readonly growsItself?: boolean;
      /** True: a member that its cloud is about to take can leave the group at the notice and run on to its end. */
      readonly detaches?: boolean;
      /** True: for a member that another hand ends it makes the next one at once, unless that place is released. */
      readonly replacesLeaving?: boolean;
      /** True: the last change of its size has failed, and its cloud may have taken the size back. */
      readonly changeFailed?: boolean;
      /** Why, where its cloud says it. */
      readonly changeFailure?: { readonly kind: LaunchFailureKind; readonly detail: string };
    }
  | { readonly kind: "missing"; readonly detail: string }
  | { readonly kind: "unknown"; readonly detail: string };

export interface InstanceInput {
  readonly id: string;
  readonly node: string | null;
  /** `booting`: not yet a Ready node. `leaving`: deletion has begun. `failed`: it will never come. */
  readonly state: "booting" | "ready" | "leaving" | "failed";
  /** Absent: the group does not say. */
  readonly createdAt?: EpochMs;
  readonly zone?: string;
  readonly instanceType?: string;
  /** Of a failed one: what kind of failure it was, by the back end's own table. */
  readonly failure?: { readonly kind: LaunchFailureKind; readonly detail: string };
  /** True: a place of the group that no machine fills yet. It has no name at the cloud; what fills it has another id. */
  readonly placeholder?: boolean;
  /** What keeps it from being removed at its cloud, in words. Absent: nothing does. */
  readonly keptBecause?: string;
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
  /** What the machine has before anything is reserved; absent: not known. */
  readonly capacity?: Resources;
  /** When `ready` last changed; absent: not known. */
  readonly readyChangedAt?: EpochMs;
  /** Its agent's verdict on its GPUs, from the node's condition; absent: none was given. */
  readonly gpuHealth?: {
    readonly verdict: "healthy" | "ill" | "unknown";
    readonly since: EpochMs;
    readonly detail: string;
  };
  /** Volume driver → volumes that the node takes; absent: not known. */
  readonly volumeLimits?: Readonly<Record<string, number>>;
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

export interface BudgetInput {
  /** namespace/name */
  readonly key: string;
  readonly disruptionsAllowed: number;
  /** Keys of the pods that the budget's selector matches. */
  readonly pods: readonly string[];
  /** `unhealthyPodEvictionPolicy: AlwaysAllow`: a pod that is not Ready may always go. */
  readonly alwaysAllowsUnready?: boolean;
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
  /**
   * Absent: the machine goes. `rebalance`: its cloud says that it may go soon, with no instant given. `maintenance`: its
   * host is worked on. Of these two `deadline` is when it begins, or `seenAt` where nobody knows that.
   */
  readonly kind?: NoticeKind;
  /** Of maintenance: the machine does not live through it. Absent: not known. */
  readonly endsMachine?: boolean;
  /** The cloud's own word for it. Absent: not told. */
  readonly action?: string;
  /** True: the machine still ran a minute after its deadline. Absent: not so, or not known. */
  readonly survived?: boolean;
  /** What the machine's own metadata says of it. Absent: not told. */
  readonly machine?: Machine;
  /** What pods of the node answered to the call to save their state. Absent: none has answered. */
  readonly checkpoints?: readonly Checkpoint[];
}
