// The answer of a decision: for every pool a move or a hold, each with its reasons as data, and for every
// pod that waits why it has no node. Nothing here is a sentence.

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import type { PoolBackEnd, Reason } from "../../shared/model/reasons.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { MeasuredRate, StockRate } from "./fleet/interruptions.ts";
import type { FinishedStage, StageFigure } from "./fleet/ledger-stages.ts";
import type { Memory, OfferingMemory } from "./snapshot-memory.ts";

export interface Decision {
  readonly plan: Plan;
  readonly memory: Memory;
}

export interface Plan {
  readonly at: EpochMs;
  readonly moves: readonly Move[];
  readonly holds: readonly Hold[];
  /** Pods that count as demand, or would, and get nothing from this plan. */
  readonly unplaced: readonly { readonly pod: string; readonly because: readonly Reason[] }[];
  /** Per policy: what status and metrics show. Null: not known. */
  readonly figures: readonly PolicyFigures[];
  /** Removals under way that are to be called off. Absent: none. */
  readonly recalls?: readonly Recall[];
  /** How large groups may become that something else grows. Absent: no policy asks for that. */
  readonly caps?: readonly Cap[];
  /** How often spot is interrupted, by stock. Absent: too little was seen of any. */
  readonly stocks?: readonly StockRate[];
  /** How the packing went. Absent: nothing was packed. */
  readonly packing?: PackingReport;
}

export interface PackingReport {
  /** Units of work that it took; the loop learns from it how many it can afford. */
  readonly units: number;
  /** Pods that no work was left for. They come first next time. */
  readonly leftOut: number;
  /** What the planned new nodes cost an hour; null: a price is not known. */
  readonly usdPerHour: number | null;
  /** No plan for these pods can cost less; null: not known. */
  readonly lowerBoundUsdPerHour: number | null;
}

interface MoveBase {
  /** `<policy>/<pool>/<kind>/<cause>`: the same situation gives the same key, so acting twice is acting once. */
  readonly key: string;
  readonly policy: string;
  readonly pool: string;
  /** The group's size as read, and as it shall be. */
  readonly from: number;
  readonly to: number;
  readonly because: readonly Reason[];
}

/** More nodes: for pending pods, utilisation or a minimum. */
export interface Grow extends MoveBase {
  readonly kind: "grow";
  readonly pods: readonly string[];
  /** One node to find out whether an offering that failed has capacity again. */
  readonly probe?: boolean;
}

/** One chosen node less. `drain`: its agent is asked to empty it first; `empty`: nothing is on it. */
export interface Shrink extends MoveBase {
  readonly kind: "shrink";
  readonly node: string;
  readonly instance: string;
  /** `drain`: its agent is asked. `walk`: it has no live agent, so the coordinator evicts. */
  readonly how: "empty" | "drain" | "walk";
  readonly disruption?: Disruption;
}

/** More nodes because another goes: asked for at notice time, in another pool where one can. */
export interface Replace extends MoveBase {
  readonly kind: "replace";
  readonly notice: string;
  readonly node: string;
  readonly pods: readonly string[];
}

/** The place of an instance that a cloud took leaves its group, so that the group buys no second replacement. */
export interface Release extends MoveBase {
  readonly kind: "release";
  readonly node: string;
  readonly instance: string;
  /** Of a member that never came to be a node. Absent: the cloud took it. */
  readonly disruption?: Disruption;
}

export type Move = Grow | Shrink | Replace | Release;
export type MoveKind = Move["kind"];

/** A removal that was asked for and that nobody has begun, and what stands against it now. */
export interface Recall {
  readonly policy: string;
  readonly pool: string;
  /** Of the move. */
  readonly key: string;
  readonly node: string;
  readonly because: Reason;
}

/** The most that a policy allows a pool now whose nodes something else adds. */
export interface Cap {
  readonly policy: string;
  readonly pool: string;
  readonly nodes: number;
  /** The same in GPUs, by resource. Absent: what one node has is not known, or differs. */
  readonly gpus?: Readonly<Record<string, number>>;
}

export interface Hold {
  readonly policy: string;
  readonly pool: string;
  readonly because: readonly Reason[];
}

/** ready: work may go there. draining: being emptied. booting: not ready yet. sick: not ready for too long. leaving: out of its group. */
export type PoolNodeState = "ready" | "draining" | "booting" | "sick" | "leaving";

export interface PolicyFigures {
  readonly policy: string;
  readonly pools: readonly {
    readonly pool: string;
    readonly size: number | null;
    readonly ready: number;
    readonly booting: number;
    /** Its nodes that are in the cluster, by what they are to it. Absent: nobody has counted. */
    readonly standing?: Readonly<Record<PoolNodeState, number>>;
    /** What sizes it. Absent: nothing does. */
    readonly backEnd?: PoolBackEnd;
    /** How long its last machines took to each stage. Absent: none was measured. */
    readonly stages?: readonly StageFigure[];
    /** Stages that ended since the last decision, one entry for each machine and stage. Absent: none did. */
    readonly finished?: readonly FinishedStage[];
    /** Of one node; null: not known. `at` is null where the policy itself says it. */
    readonly price?: {
      readonly usdPerHour: number;
      readonly source: string;
      readonly at: EpochMs | null;
    } | null;
    /** Of its spot nodes, fading; absent: too little was seen, or it is no spot. */
    readonly interruptions?: MeasuredRate;
  }[];
  /** What failed to launch and is not forgotten: written to the status, read back in the journal. */
  readonly offerings?: readonly OfferingMemory[];
  /** Windows of schedules, the next first. */
  readonly schedules?: readonly {
    readonly name: string;
    readonly opens: EpochMs;
    readonly closes: EpochMs;
  }[];
  /** When a window of a schedule or a budget opens, closes or has to be prepared for next. Absent: never. */
  readonly changesAt?: EpochMs;
  /** Mean over the GPUs that report, 0..1; null when none does. */
  readonly utilization: number | null;
  readonly pendingPods: number;
  readonly underutilizedNodes: number;
  readonly unknownNodes: number;
  readonly upCooldownMs: Readonly<Record<string, number>>;
  readonly downCooldownMs: Readonly<Record<string, number>>;
}
