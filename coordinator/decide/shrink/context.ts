// What the rules may ask beside the candidate itself: budgets, gangs, load and room as they are with what this decision
// takes away already. Made once for a decision; only `take` changes it.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { nodeLoad, policyLoad } from "../fleet/load.ts";
import type { Load } from "../fleet/load.ts";
import type { Steps } from "../limits/steps.ts";
import type { Packing } from "../pack/packing.ts";
import type { Candidate, RuleContext } from "../rule.ts";
import type { BudgetInput } from "../snapshot.ts";
import { NO_EXCHANGES } from "./exchange.ts";
import type { Exchanges } from "./exchange.ts";
import { createMovables, spareNodes } from "./movable.ts";
import type { Movables } from "./movable.ts";
import { createRehouse } from "./rehouse.ts";
import type { Rehouse } from "./rehouse.ts";

export interface ShrinkContext extends RuleContext {
  readonly condemned: ReadonlyMap<string, Reason>;
  /** Node → that spot takes its place. */
  readonly exchanged: Exchanges["nodes"];
  readonly movables: Movables;
  readonly rehouse: Rehouse;
  /** The node goes: what it held of budgets, load and room is gone for the next one. */
  readonly take: (candidate: Candidate) => void;
}

const NOBODY: ReadonlySet<string> = new Set();

export function contextOf(
  packing: Packing,
  budgets: readonly BudgetInput[],
  steps: Steps,
  {
    condemned = new Map(),
    exchanged = NO_EXCHANGES.nodes,
  }: { readonly condemned?: ReadonlyMap<string, Reason>; readonly exchanged?: Exchanges["nodes"] } = {},
): ShrinkContext {
  const { fleet, market } = packing;
  const budgetsOf = budgetLookup(budgets);
  const gangs = gangLookup(packing);
  const spare = spareNodes(packing);
  const rehouse = createRehouse(packing, spare.size > 0);
  const movables = createMovables({ rehouse, market, spare, at: fleet.at });
  rehouse.prefer([...spare.keys()]);
  const taken = new Map<string, number>();
  const loads = new Map<string, Pick<Load, "sum" | "fresh" | "mean">>();
  const load = (pool: PoolState): Pick<Load, "sum" | "fresh" | "mean"> => {
    const known = loads.get(pool.policy);
    if (known !== undefined) return known;
    const made = policyLoad(fleet, pool.policy);
    loads.set(pool.policy, made);
    return made;
  };
  return {
    packing,
    steps,
    condemned,
    exchanged,
    movables,
    rehouse,
    budgetsOf,
    takenOf: (budget) => taken.get(budget) ?? 0,
    nodesOfGang: (gang) => gangs.get(gang) ?? NOBODY,
    loadOf: load,
    rehousing: ({ state, pods, cause }) => rehouse.trial(state.name, pods, cause.kind === "movable"),
    movability: movables.of,
    take: ({ pool, state, pods }) => {
      rehouse.commit(state.name, pods);
      for (const pod of pods)
        for (const { key } of budgetsOf(pod.key)) taken.set(key, (taken.get(key) ?? 0) + 1);
      const { sum, fresh, mean } = load(pool);
      loads.set(pool.policy, { sum, mean, fresh: fresh - nodeLoad(state, fleet.at).fresh });
    },
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

/** Pods that are leaving belong to their gang as long as they are there. */
function gangLookup({ fleet }: Packing): ReadonlyMap<string, ReadonlySet<string>> {
  const gangs = new Map<string, Set<string>>();
  for (const { name, pods } of fleet.nodes) {
    for (const { gang } of pods) {
      if (gang === undefined) continue;
      const nodes = gangs.get(gang.id);
      if (nodes === undefined) gangs.set(gang.id, new Set([name]));
      else nodes.add(name);
    }
  }
  return gangs;
}
