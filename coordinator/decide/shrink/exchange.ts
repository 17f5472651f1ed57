// The way back to spot of a node that works: where the policy allows it, a spot node is bought for pods that may be moved,
// and the on-demand node goes once that is there. Each decision works it out anew from what is here and on its way, so
// nothing has to be remembered. Where the pods go is in exchange-places.ts; who goes when is for shrink.ts.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeState } from "../fleet/standing.ts";
import { isUsable } from "../fleet/standing.ts";
import { hasTenants } from "../fleet/tenants.ts";
import type { Packing } from "../pack/packing.ts";
import { firstVeto } from "../rule.ts";
import type { Cause, RuleContext } from "../rule.ts";
import { EXCHANGE_RULES, EXCHANGED_RULES, NODE_RULES } from "../rules/index.ts";
import type { Memory } from "../snapshot-memory.ts";
import { becauseOf, candidateFor, NO_TIMERS } from "./causes.ts";
import { mayGoBack, rehouse, spotToBuy } from "./exchange-places.ts";
import { workOnDemand } from "./return.ts";
import { firstToGo, scoreOf } from "./score.ts";

/** Shares are binary fractions. */
const EXACT = 1e-6;

export type Exchange = Extract<Cause, { readonly kind: "exchange" }>;

export interface Exchanges {
  /** Node → why it goes. */
  readonly nodes: ReadonlyMap<string, Exchange>;
  /** Key of a pod that has a place elsewhere → why its node goes. */
  readonly pods: ReadonlyMap<string, Reason>;
}

export const NO_EXCHANGES: Exchanges = { nodes: new Map(), pods: new Map() };

/** Whether anybody asks for it, which is what the context below is made for. */
export function mayExchange({ fleet }: Packing): boolean {
  return fleet.sync.kind === "synced" && fleet.pools.some(mayGoBack);
}

/** Opens spot nodes on the board for pods of nodes that go back, after all others have had their places. */
export function exchangeForSpot(packing: Packing, memory: Memory, context: RuleContext): Exchanges {
  const { fleet, market, parts } = packing;
  const nodes = new Map<string, Exchange>();
  const pods = new Map<string, Reason>();
  const taken = new Map<string, number>();
  const gpusGoing = new Map<string, number>();
  /** Nodes of each pool that go, less those that come. */
  const going = new Map<string, number>();
  const asking: RuleContext = {
    ...context,
    steps: { ...context.steps, removals: going },
    takenOf: (budget) => context.takenOf(budget) + (taken.get(budget) ?? 0),
  };
  for (const pool of fleet.pools.toSorted((a, b) => Number(isRecommended(a)) - Number(isRecommended(b)))) {
    if (!mayGoBack(pool)) continue;
    const surplus = workOnDemand(pool, packing, gpusGoing.get(pool.policy) ?? 0);
    if (surplus === null) continue;
    const cause: Exchange = { kind: "exchange", share: surplus.share, target: surplus.target };
    const candidates = pool.nodes
      .filter((state) => mayLeave(state, pool, packing))
      .map((state) =>
        candidateFor(pool, state, memory.nodes[state.name] ?? NO_TIMERS, { cause, at: fleet.at }),
      )
      .filter((candidate) => firstVeto(NODE_RULES, candidate, asking) === null)
      .map((candidate) => scoreOf(candidate, market, fleet.at))
      .sort(firstToGo);
    const spot = spotToBuy(pool, packing);
    let left = surplus.gpus;
    let begun = 0;
    for (const { candidate } of candidates) {
      const own = pool.gpusPerNode ?? 0;
      if (own > left + EXACT) break;
      if (packing.ledger.removalRefusal(pool, "Return", begun) !== null) break;
      if (firstVeto(EXCHANGE_RULES, candidate, asking) !== null) continue;
      const mark = parts.purchases.mark();
      const opened = rehouse(candidate, packing, spot);
      for (const other of opened ?? []) count(going, other.id, -1);
      if (opened === null || firstVeto(EXCHANGED_RULES, candidate, asking) !== null) {
        for (const other of opened ?? []) count(going, other.id, 1);
        parts.purchases.rollBack(mark);
        parts.seek.forget();
        continue;
      }
      const because = becauseOf(candidate, fleet.at, null);
      nodes.set(candidate.state.name, cause);
      for (const { key } of candidate.pods) {
        pods.set(key, because);
        for (const budget of context.budgetsOf(key)) count(taken, budget.key, 1);
      }
      count(going, pool.id, 1);
      count(gpusGoing, pool.policy, own);
      left -= own;
      begun += 1;
    }
  }
  return { nodes, pods };
}

/** What is only recommended must not take the room of what is done. */
function isRecommended({ spec }: PoolState): boolean {
  return spec.mode === "Recommend";
}

/** One that has just come was bought because spot was not to be had, and may find that still so. What is ill has its own way. */
function mayLeave(state: NodeState, pool: PoolState, { fleet, condemned }: Packing): boolean {
  return (
    isUsable(state) &&
    !condemned.has(state.name) &&
    hasTenants(state, fleet.at) &&
    fleet.at - state.node.createdAt >= (pool.spec.spot.returnAfterSeconds ?? 0) * 1000
  );
}

function count(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
