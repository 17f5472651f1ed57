// What a veto is: a question about one node that would otherwise go, answered by null or by the reason why it
// stays. A rule reads, judges and changes nothing; which rules there are and their order is in index.ts.

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import type { Millis, Ratio } from "../../shared/model/units.ts";
import type { PoolState } from "./fleet/fleet.ts";
import type { NodeState } from "./fleet/standing.ts";
import type { OverCap } from "./limits/minima.ts";
import type { Steps } from "./limits/steps.ts";
import type { Packing } from "./pack/packing.ts";
import type { NodeMemory } from "./snapshot-memory.ts";
import type { PodInput } from "./snapshot-pod.ts";
import type { BudgetInput } from "./snapshot.ts";

/** Why a node would go. A node may have several; each is tried on its own. */
export type Cause =
  | { readonly kind: "unhealthy"; readonly because: Reason }
  /** Its cloud may take it soon: its pods go to places that are ready for them. */
  | { readonly kind: "rebalance"; readonly because: Reason }
  | { readonly kind: "expired"; readonly ageMs: Millis; readonly limitMs: Millis }
  | { readonly kind: "empty" }
  /** Empty, and paid on demand although spot could do its work again: it goes sooner. */
  | { readonly kind: "return"; readonly share: Ratio; readonly target: Ratio }
  /** Paid on demand, with pods for which this decision has a place on spot, here or on its way. */
  | { readonly kind: "exchange"; readonly share: Ratio; readonly target: Ratio }
  | { readonly kind: "idle" }
  | { readonly kind: "over-cap"; readonly cap: OverCap }
  | { readonly kind: "movable" };

/** As budgets name it. Above a cap nodes with pods go as movable ones do. */
export const DISRUPTION_OF = {
  unhealthy: "Unhealthy",
  rebalance: "Rebalance",
  expired: "Expired",
  empty: "Empty",
  return: "Return",
  exchange: "Return",
  idle: "Idle",
  "over-cap": "Movable",
  movable: "Movable",
} as const satisfies Record<Cause["kind"], Disruption>;

/** Another node comes first, bought for its pods, so that what a removal costs the rest is no question. */
export function isReplaced({ kind }: Cause): boolean {
  return kind === "unhealthy" || kind === "rebalance" || kind === "exchange";
}

export interface Candidate {
  readonly pool: PoolState;
  readonly state: NodeState;
  readonly timers: NodeMemory;
  readonly cause: Cause;
  /** Nobody is on it whose work counts. */
  readonly empty: boolean;
  /**
   * Pods that would have to leave and find a place. Left out: those that are leaving already, those that may be
   * lost at any time, and all of a node whose kubelet is gone, since they do not run.
   */
  readonly pods: readonly PodInput[];
}

/** Whether all pods of a node have a place elsewhere. */
export type Rehousing =
  /** `onto`: the nodes; where the scheduler might choose others, those too. */
  | { readonly kind: "fits"; readonly onto: ReadonlySet<string> }
  | { readonly kind: "stuck"; readonly pod: string }
  /** No work was left to find out. */
  | { readonly kind: "unknown"; readonly units: number };

export type Movability =
  | { readonly kind: "movable"; readonly forMs: Millis; readonly savesUsdPerHour: number }
  | { readonly kind: "not-cheaper" }
  | Exclude<Rehousing, { readonly kind: "fits" }>;

export interface RuleContext {
  readonly packing: Packing;
  readonly steps: Steps;
  /** Pod key → the budgets that select it. */
  readonly budgetsOf: (pod: string) => readonly BudgetInput[];
  /** Pods of the budget on nodes that this decision takes away already. */
  readonly takenOf: (budget: string) => number;
  /** Nodes on which pods of the gang are, by name. */
  readonly nodesOfGang: (gang: string) => ReadonlySet<string>;
  /** GPUs of the policy that report, and the sum of their readings, without the nodes that go in this decision. */
  readonly loadOf: (pool: PoolState) => {
    readonly sum: number;
    readonly fresh: number;
    readonly mean: number | null;
  };
  readonly rehousing: (candidate: Candidate) => Rehousing;
  /** Asked before anything goes: alone, as the board was then. */
  readonly movability: (candidate: Candidate) => Movability;
}

export interface Rule {
  readonly name: string;
  veto(candidate: Candidate, context: RuleContext): Reason | null;
}

/** Why the candidate stays, by the first rule that says so; null: none does. */
export function firstVeto(rules: readonly Rule[], candidate: Candidate, context: RuleContext): Reason | null {
  for (const rule of rules) {
    const reason = rule.veto(candidate, context);
    if (reason !== null) return reason;
  }
  return null;
}
