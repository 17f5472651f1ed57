// What a decision knows of its own past. The journal stands in the policy's status and holds what money depends on;
// the memory stands in NATS KV and may be lost at the price of caution. Fields that came later are optional, so that
// what an older version wrote still reads.

import type { LaunchFailureKind, MoveState } from "../../shared/contract/policy/status.ts";
import type { Taint } from "../../shared/model/kube.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { EpochMs } from "../../shared/model/units.ts";

/** What the policy's status carries from cycle to cycle and from leader to leader. */
export interface Journal {
  readonly moves: readonly MoveState[];
  /** Per pool; absent: never. */
  readonly lastUpAt: Readonly<Record<string, EpochMs>>;
  readonly lastDownAt: Readonly<Record<string, EpochMs>>;
  readonly additions: readonly { readonly at: EpochMs; readonly nodes: number }[];
  /** Nodes taken away in the last ten minutes. Absent: none. */
  readonly removals?: readonly { readonly at: EpochMs; readonly nodes: number }[];
  /** What failed to launch, from the policy's status. Absent: nothing did. */
  readonly offerings?: readonly OfferingMemory[];
}

/** Where machines did not come, how often in a row, and until when nothing is asked of it. */
export interface OfferingMemory {
  /** `<instance type>|<zone>|<tier>`, with `*` for what is not known; `pool/<name>` for a failure of the pool itself. */
  readonly offering: string;
  readonly kind: LaunchFailureKind;
  /** In a row; 0: machines have come again since, and what failed before that is done with. */
  readonly failures: number;
  readonly lastAt: EpochMs;
  readonly until: EpochMs;
  readonly detail: string;
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
  /** `<policy>/<pool>` → how long its last machines took from the call to a usable node, ms, newest last, at most 20. */
  readonly bootMs?: Readonly<Record<string, readonly number[]>>;
  /** `<policy>/<pool>` → its launches that are under way, and how long the stages of the last ones took. */
  readonly ledger?: Readonly<Record<string, LaunchLedger>>;
  /**
   * Stock → spot node time seen and interruptions in it, fading. Stock is `<provider>/<region>/<type>|<zone>|<tier>` with
   * `*` for what is not known, or `policy/<name>` for all of a policy's. Older versions wrote no provider and region.
   */
  readonly risk?: Readonly<Record<string, RiskMemory>>;
  /** Notices that `risk` has counted, with their time; the last 24 h. */
  readonly countedNotices?: Readonly<Record<string, EpochMs>>;
  /** `<policy>` → until when its new capacity goes less to spot, because interruptions were too many. */
  readonly lessSpot?: Readonly<Record<string, EpochMs>>;
  /** `<policy>/<pool>` → nodes whose replacement was begun because of a hint, with their time. Absent: none lately. */
  readonly rebalanced?: Readonly<Record<string, Readonly<Record<string, EpochMs>>>>;
  /** Hints that stand, or were counted in the last 24 h. Absent: none. */
  readonly openHints?: Readonly<Record<string, OpenHint>>;
  /** `<policy>/<pool>` → how often its hints came true, fading. Absent: nobody knows. */
  readonly hintRecord?: Readonly<Record<string, HintRecord>>;
  /** `<policy>/<pool>/<instance>` → when a member of the group was first seen to have failed. Absent: none. */
  readonly failedSince?: Readonly<Record<string, EpochMs>>;
  /** `<policy>/<pool>` → what `behavior` looks back on. */
  readonly behavior?: Readonly<Record<string, BehaviorMemory>>;
  /** `<policy>/<pool>` → the size that its group had at the last look, and who changed it. Absent: nobody has looked. */
  readonly sizes?: Readonly<Record<string, SizeMemory>>;
  /** When a leader found that what was remembered before is gone. Absent: nothing is, or that was long ago. */
  readonly lostAt?: EpochMs;
  /** Pods that the last decision had no work left for: they come first. At most 2,000 keys. */
  readonly leftOut?: readonly string[];
  /**
   * `<policy>/<pool>` → for each of its nodes to come the pods that were placed on it. Lost, they are packed anew, which
   * may take one node more. At most 5,000 keys.
   */
  readonly promised?: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/** The size of a pool's group from look to look, so that a change that is not ours shows. */
export interface SizeMemory {
  /** Which group it is: another one has another size. */
  readonly group: string;
  readonly size: number;
  readonly at: EpochMs;
  /** Changes that nothing of ours explains, oldest first; at most the last four. */
  readonly byHand: readonly { readonly at: EpochMs; readonly from: number; readonly to: number }[];
  /** Key of a move, or `notice/<id>` → how many nodes of the changes that were seen it has explained, and when last. */
  readonly explained?: Readonly<Record<string, { readonly at: EpochMs; readonly nodes: number }>>;
  /** Sizes that moves of ours have just changed, and when: a reading of one of them may be an old one. Absent: none. */
  readonly lately?: readonly { readonly at: EpochMs; readonly size: number }[];
  /** Notices of its nodes, with the time at which they were seen last. */
  readonly noticed?: Readonly<Record<string, EpochMs>>;
}

/** From the one before, in this order; `total`: from the intent to the first pod. */
export const LAUNCH_STAGES = ["accepted", "launched", "registered", "ready", "first-pod", "total"] as const;
export type LaunchStage = (typeof LAUNCH_STAGES)[number];

export interface LaunchLedger {
  /** Growths that were decided and whose machines are not all seen yet; at most 20, the latest. */
  readonly asked: readonly AskedGrowth[];
  /** Machines on their way to their first pod; at most 200, the latest. */
  readonly machines: readonly LaunchedMachine[];
  /** Stage → what it took of the last machines, ms, newest last, at most 20. */
  readonly stageMs: Readonly<Partial<Record<LaunchStage, readonly number[]>>>;
}

export const EMPTY_LEDGER: LaunchLedger = { asked: [], machines: [], stageMs: {} };

export interface AskedGrowth {
  /** Of its move. */
  readonly key: string;
  /** When it was decided. Absent: nobody who remembers it saw that. */
  readonly intendedAt?: EpochMs;
  /** Machines of it that have been seen. */
  readonly seen: number;
}

/** A moment that nobody saw is absent, and never guessed. */
export interface LaunchedMachine {
  /** The member's, or the node's where the group lists none. */
  readonly id: string;
  readonly intendedAt?: EpochMs;
  readonly acceptedAt?: EpochMs;
  readonly launchedAt?: EpochMs;
  readonly registeredAt?: EpochMs;
  readonly readyAt?: EpochMs;
  /** True: pods had asked for it, so that its first one is waited for. */
  readonly forPods?: boolean;
}

export interface RiskMemory {
  readonly nodeDays: number;
  readonly interruptions: number;
  readonly at: EpochMs;
  /** AWS: the zone's id, which means the same to every account. Absent: nobody has told it. */
  readonly zoneId?: string;
}

export interface OpenHint {
  readonly node: string;
  /** `<policy>/<pool>` */
  readonly pool: string;
  readonly since: EpochMs;
  /** True: it came true and was counted. */
  readonly settled?: boolean;
}

export interface HintRecord {
  /** Followed by a notice of the same node. */
  readonly followed: number;
  /** Ended with the node still at work. */
  readonly spared: number;
  readonly at: EpochMs;
}

export interface BehaviorMemory {
  /** Unstabilised sizes that were wanted, oldest first. */
  readonly recommendations: readonly { readonly at: EpochMs; readonly nodes: number }[];
  readonly ups: readonly { readonly at: EpochMs; readonly nodes: number }[];
  readonly downs: readonly { readonly at: EpochMs; readonly nodes: number }[];
  /** Key of a move on its way → how many of its nodes are no event: minima, schedules, replacements. Absent: none. */
  readonly exempt?: Readonly<Record<string, number>>;
}

export interface LaunchMemory {
  readonly missing: number;
  readonly since: EpochMs;
  /** When none was missing last, so that no earlier growth is to blame. Absent: nobody has looked before. */
  readonly from?: EpochMs;
}

export interface NodeMemory {
  readonly idleSince: EpochMs | null;
  /** Receipt of the last report that the idle timer has seen. */
  readonly lastReportAt: EpochMs | null;
  readonly emptySince: EpochMs | null;
  /** Since when all its pods had a place elsewhere at a lower price. Absent: not so at the last look. */
  readonly movableSince?: EpochMs;
  /** When it was first seen on its way, kept until it works. Absent: it has worked, or nobody saw it come. */
  readonly comingSince?: EpochMs;
  /** Since when it has not worked although it may have before. Absent: it works, or is on its way. */
  readonly downSince?: EpochMs;
}

export interface NodeShape {
  /** What is left for workloads: a real node's allocatable less what its DaemonSet and static pods request. */
  readonly allocatable: Resources;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** What DaemonSet and static pods of such a node request: `allocatable` is without it. Absent: none is known. */
  readonly overhead?: Resources;
  /** uid of a DaemonSet → its part of `overhead`, as seen on that node. Absent: whose it is was not written down. */
  readonly daemons?: Readonly<Record<string, Resources>>;
  /** What the machine has before anything is reserved; absent: not known. */
  readonly capacity?: Resources;
  readonly volumeLimits?: Readonly<Record<string, number>>;
  /** A real node of the pool, or the memory of one; the policy's template; the group's; the catalogue. Absent: a real node. */
  readonly source?: "node" | "template" | "group" | "catalogue";
}

export const EMPTY_MEMORY: Memory = { v: 1, at: null, nodes: {}, shapes: {}, hotSince: {} };

export const EMPTY_JOURNAL: Journal = { moves: [], lastUpAt: {}, lastDownAt: {}, additions: [] };
