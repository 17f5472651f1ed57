// One node less for a pool, when one can go: empty ones before idle ones, the longest first, each asked by the
// rules in their order. At most one for each pool and cycle, by its own name. Every node that stays says why.

import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, millis, ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { workloads } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { Steps } from "../limits/steps.ts";
import { compareText, firstDifference } from "../order.ts";
import { elsewhere, put, withdraw } from "../pack/pack.ts";
import type { Packing } from "../pack/packing.ts";
import type { Shrink } from "../plan.ts";
import type { Candidate, Rule, RuleContext } from "../rule.ts";
import { LAST_RULES, NODE_RULES } from "../rules/index.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { BudgetInput } from "../snapshot.ts";

const NO_TIMERS: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

export interface Shrinking {
  readonly moves: readonly Shrink[];
  /** Pool id → why its nodes stay. */
  readonly stays: ReadonlyMap<string, readonly Reason[]>;
}

export function shrink(
  packing: Packing,
  budgets: readonly BudgetInput[],
  memory: Memory,
  steps: Steps,
): Shrinking {
  const context = contextOf(packing, budgets, steps);
  const moves: Shrink[] = [];
  const stays = new Map<string, readonly Reason[]>();
  for (const pool of packing.fleet.pools) {
    if (!pool.spec.enabled) continue;
    const reasons: Reason[] = [];
    const able: Candidate[] = [];
    for (const state of pool.nodes) {
      const candidate = candidateOf(pool, state, memory.nodes[state.name] ?? NO_TIMERS);
      const veto = firstVeto(NODE_RULES, candidate, context);
      if (veto === null) able.push(candidate);
      else reasons.push(veto);
    }
    for (const candidate of able.sort(bestFirst)) {
      const veto = firstVeto(LAST_RULES, candidate, context);
      if (veto === null) {
        moves.push(remove(candidate, context));
        break;
      }
      reasons.push(veto);
    }
    stays.set(pool.id, reasons);
  }
  return { moves, stays };
}

export function contextOf(packing: Packing, budgets: readonly BudgetInput[], steps: Steps): RuleContext {
  return { packing, steps, budgetsOf: budgetLookup(budgets) };
}

export function candidateOf(pool: PoolState, state: NodeState, timers: NodeMemory): Candidate {
  const pods = workloads(state);
  return { pool, state, timers, empty: pods.length === 0, pods: pods.filter((pod) => !pod.terminating) };
}

function firstVeto(rules: readonly Rule[], candidate: Candidate, context: RuleContext): Reason | null {
  for (const rule of rules) {
    const reason = rule.veto(candidate, context);
    if (reason !== null) return reason;
  }
  return null;
}

function bestFirst(a: Candidate, b: Candidate): number {
  return firstDifference(
    Number(b.empty) - Number(a.empty),
    (since(a) ?? Infinity) - (since(b) ?? Infinity) || 0,
    compareText(a.state.name, b.state.name),
  );
}

function since({ empty, timers }: Candidate): EpochMs | null {
  return empty ? timers.emptySince : timers.idleSince;
}

/** The move, and its mark on the board: the next pool's node must not lean on this one, nor on the room it takes. */
function remove(candidate: Candidate, { packing, steps }: RuleContext): Shrink {
  const { pool, state, empty, pods } = candidate;
  const places = elsewhere(packing.board, pods, state.name);
  withdraw(packing.board, state.name);
  if (places.kind === "fits") for (const [bin, pod] of places.moves) put(bin, pod);
  // Empty is known of the present, idle only up to the last report.
  const until = empty ? packing.fleet.at : (candidate.timers.lastReportAt ?? packing.fleet.at);
  const forMs = elapsed(since(candidate) ?? until, until);
  const because: Reason = empty
    ? { code: "empty", node: state.name, forMs }
    : {
        code: "idle",
        node: state.name,
        forMs: millis(forMs),
        threshold: ratio(pool.spec.scaleDownThreshold),
      };
  return {
    kind: "shrink",
    key: `${pool.id}/shrink/${state.name}`,
    policy: pool.policy,
    pool: pool.name,
    ...steps.next(pool, -1),
    because: [because],
    node: state.name,
    instance: state.instance?.id ?? "",
    how: empty ? "empty" : "drain",
  };
}

function budgetLookup(budgets: readonly BudgetInput[]): (pod: string) => readonly BudgetInput[] {
  const byPod = new Map<string, BudgetInput[]>();
  for (const budget of budgets) {
    for (const pod of new Set(budget.pods)) {
      const known = byPod.get(pod);
      if (known === undefined) byPod.set(pod, [budget]);
      else known.push(budget);
    }
  }
  return (pod) => byPod.get(pod) ?? [];
}
