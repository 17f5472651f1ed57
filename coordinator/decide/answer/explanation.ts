// What is said of one pod, one node or one pool when somebody asks: data with reasons, made from one decision and
// what it was worked out from. The sentences are made elsewhere.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { PoolBackEnd, Reason, ReasonCode } from "../../../shared/model/reasons.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { MeasuredRate } from "../fleet/interruptions.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { Steps } from "../limits/steps.ts";
import type { Price } from "../market/market.ts";
import type { Packing } from "../pack/packing.ts";
import type { Decision, MoveKind } from "../plan.ts";
import type { Exchanges } from "../shrink/exchange.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { NoticeInput, Snapshot } from "../snapshot.ts";

/** What a decision was worked out from, as its last step left it. */
export interface Work {
  readonly snapshot: Snapshot;
  readonly packing: Packing;
  readonly steps: Steps;
  /** Node → why it is to be replaced. */
  readonly condemned: ReadonlyMap<string, Reason>;
  /** Nodes whose pods have a place on spot. */
  readonly exchanged: Exchanges["nodes"];
}

export interface WorkedDecision extends Decision {
  /** Null: the snapshot did not say when it was taken, so nothing was worked out. */
  readonly work: Work | null;
}

/** One move, as far as it concerns what is asked about. */
export interface MoveNote {
  readonly kind: MoveKind;
  readonly pool: string;
  readonly from: number;
  readonly to: number;
  readonly because: readonly Reason[];
}

/** Machines that were asked for and how far they have come. */
export interface LaunchNote {
  readonly nodes: number;
  /** Null: none is seen yet. */
  readonly machine: string | null;
  /** The last stage that is behind it; `asked`: its group has not accepted it yet. */
  readonly stage: "asked" | "accepted" | "launched" | "registered" | "ready";
  /** Since that stage ended. */
  readonly forMs: Millis;
  /** Since it was decided; null: nobody here decided it, or remembers that. */
  readonly askedMs: Millis | null;
}

export interface PoolVerdict {
  /** `<policy>/<pool>` */
  readonly pool: string;
  /** The first rule that keeps a new node of the pool from the pod; null: it could have one there. */
  readonly refusal: Reason | null;
  readonly usdPerHour: number | null;
}

export interface PodExplanation {
  readonly kind: "pod";
  readonly pod: string;
  /** `bound`: it runs, or is about to. `here`: a node is there or on the way. `asked`: a move buys one. */
  readonly answer: "bound" | "here" | "asked" | "none";
  readonly node: string | null;
  /** The move that buys its node. */
  readonly move: MoveNote | null;
  readonly because: readonly Reason[];
  /** Of a pod that has no node. */
  readonly pools: readonly PoolVerdict[];
}

export interface NodeExplanation {
  readonly kind: "node";
  readonly node: string;
  /** Null: no policy owns it. */
  readonly pool: string | null;
  /** `gone`: it has left the cluster, and what is known is its interruption. */
  readonly standing: NodeState["standing"] | "gone";
  /** Workloads on it, DaemonSet and static pods left out. */
  readonly pods: number;
  /** Moves that take it away or buy the next one. */
  readonly moves: readonly MoveNote[];
  /** The first rule that keeps it; null: it goes, or nobody asks because no policy owns it. */
  readonly stays: Reason | null;
  /** Notices and hints about it. Absent: there is none, or an older coordinator answers. */
  readonly notices?: readonly NoticeInput[];
}

export interface PoolExplanation {
  readonly kind: "pool";
  readonly policy: string;
  readonly pool: string;
  readonly tier: CapacityType;
  readonly minSize: number;
  readonly maxSize: number;
  /** Null: not known. */
  readonly size: number | null;
  readonly ready: number;
  readonly booting: number;
  /** What a node of it has for pods; null: nobody knows. */
  readonly offers: {
    readonly allocatable: Resources;
    readonly source: NonNullable<NodeShape["source"]>;
  } | null;
  readonly price: Price | null;
  /** How often its spot nodes are interrupted. Absent: too little was seen, or an older coordinator answers. */
  readonly interruptions?: MeasuredRate;
  /** Why demand opens no node in it at this moment; null: it may. */
  readonly refusal: Reason | null;
  /** Absent: nothing sizes it, or an older coordinator answers. */
  readonly backEnd?: PoolBackEnd;
  /** Machines on their way. Absent: none is, or an older coordinator answers. */
  readonly launches?: readonly LaunchNote[];
  readonly moves: readonly MoveNote[];
  readonly holds: readonly Reason[];
  readonly nodes: readonly NodeExplanation[];
  /** Pods without a node that could have one here. */
  readonly takes: number;
  /** The others, by the first rule that refuses them, the most frequent first. */
  readonly refuses: readonly { readonly code: ReasonCode; readonly pods: number; readonly example: Reason }[];
}

export interface Summary {
  readonly kind: "summary";
  readonly at: EpochMs;
  readonly policies: readonly string[];
  readonly nodes: number;
  readonly pods: number;
  readonly plan: Decision["plan"];
}

export type Explanation = PodExplanation | NodeExplanation | PoolExplanation | Summary;
