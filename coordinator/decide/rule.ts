// What a veto is: a question about one node that would otherwise go, answered by null or by the reason why it
// stays. A rule reads, judges and changes nothing; which rules there are and their order is in index.ts.

import type { Reason } from "../../shared/model/reasons.ts";
import type { PoolState } from "./fleet/fleet.ts";
import type { NodeState } from "./fleet/standing.ts";
import type { Steps } from "./limits/steps.ts";
import type { Packing } from "./pack/packing.ts";
import type { NodeMemory } from "./snapshot-memory.ts";
import type { PodInput } from "./snapshot-pod.ts";
import type { BudgetInput } from "./snapshot.ts";

export interface Candidate {
  readonly pool: PoolState;
  readonly state: NodeState;
  readonly timers: NodeMemory;
  /** Nothing but DaemonSet and static pods is on it. */
  readonly empty: boolean;
  /** Pods that would have to leave; those that are leaving already are not asked about. */
  readonly pods: readonly PodInput[];
}

export interface RuleContext {
  readonly packing: Packing;
  readonly steps: Steps;
  /** Pod key → the budgets that select it. */
  readonly budgetsOf: (pod: string) => readonly BudgetInput[];
}

export interface Rule {
  readonly name: string;
  veto(candidate: Candidate, context: RuleContext): Reason | null;
}
