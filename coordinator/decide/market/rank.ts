// In which order pools are asked for a node. Those that may act come first, since a pod must not wait for a node that
// is only recommended; then what the operator's expander names, the tiers by their shares, cost, waste and priority;
// then nodes are spread over types and zones, so that one shortage takes less. Whether a pool can be asked at all is
// settled before; limits are settled after.

import type { CapacityType } from "../../../shared/model/node.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { podsPerNode } from "../fit/amounts.ts";
import { TIER_ORDER } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { typesOf } from "../fleet/offering.ts";
import { compareText } from "../order.ts";
import type { Market, Need } from "./market.ts";
import type { Offers } from "./offers.ts";
import type { Opened } from "./opened.ts";
import type { TierOrder, Tiers } from "./tiers.ts";

/** Spot that costs so little more than the cheapest counts as equal: to stand on several types is worth that. */
const DIVERSITY_MAY_COST = 0.05;

interface Parts {
  readonly opened: Opened;
  readonly offers: Offers;
  readonly tiers: Tiers;
}

export function createRank(fleet: Fleet, parts: Parts): Market["rank"] {
  return (pools, need, last = new Set()) => {
    if (pools.length < 2) return pools;
    const tierOf = tierOrder(pools, parts.tiers);
    const losing = losingPool(fleet, last);
    const costs = new Map(pools.map((pool) => [pool.id, costOf(pool, need, parts.offers)]));
    const cheapest = cheapestSpot(pools, costs);
    return pools
      .map((pool) => {
        const cost = costs.get(pool.id) ?? Infinity;
        const waste = need === null ? 0 : wastedGpus(pool, need);
        const order = tierOf.get(pool.policy);
        const tier = order === undefined || (pool.gpusPerNode ?? 0) === 0 ? 0 : positionOf(pool, order);
        const near = isNear(pool, cost, cheapest);
        const costClass = near ? (cheapest.get(pool.policy) ?? cost) : cost;
        const named = namedKey(pool, { cost, waste, need });
        const keys = [
          Number(pool.spec.mode === "Recommend"),
          Number(last.has(pool.id)),
          Number(parts.offers.of(pool).refusal !== null || pool.overdue.nodes > 0),
          losing === null ? 0 : rungOf(pool, losing),
          losing === null && order?.belowFloor === true && pool.pool.capacityType === "spot" ? 1 : 0,
          named,
          losing === null ? tier : 0,
          costClass,
          waste,
          -pool.pool.priority,
          near ? parts.opened.ofOffering(pool) : 0,
          parts.opened.ofZone(pool),
          near ? parts.opened.ofType(pool) : 0,
          cost,
          TIER_ORDER[pool.pool.capacityType],
        ];
        return { pool, keys };
      })
      .sort((a, b) => compareKeys(a.keys, b.keys) || compareText(a.pool.id, b.pool.id))
      .map(({ pool }) => pool);
  };
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const left = a[index] ?? 0;
    const right = b[index] ?? 0;
    // Not by difference: two unknown costs are both infinite and equal.
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** What the operator's rule puts first; 0 for the one that weighs everything. */
function namedKey(
  pool: PoolState,
  { cost, waste, need }: { readonly cost: number; readonly waste: number; readonly need: Need | null },
): number {
  switch (pool.spec.expander) {
    case "cost":
      return 0;
    case "least-waste":
      return need === null ? 0 : waste;
    case "price":
      return cost;
    case "priority":
      return -pool.pool.priority;
    default:
      return pool.spec.expander satisfies never;
  }
}

/** Of the pods that want nodes, at the price with its interruptions; per GPU where none does. Infinite: not known. */
function costOf(pool: PoolState, need: Need | null, offers: Offers): number {
  const { effectiveUsdPerHour: price } = offers.of(pool);
  if (price === null) return Infinity;
  if (need === null) return price / Math.max(1, pool.gpusPerNode ?? 0);
  return price * nodesFor(pool, need);
}

function nodesFor({ shape }: PoolState, { requests, pods }: Need): number {
  const perNode = shape === null ? 0 : podsPerNode(requests, shape.allocatable);
  return perNode < 1 || perNode === Infinity ? 1 : Math.ceil(pods / perNode);
}

/** GPUs that stay unused when the pods, and nothing else, get new nodes of the pool. */
function wastedGpus(pool: PoolState, need: Need): number {
  if (pool.shape === null) return 0;
  const { allocatable } = pool.shape;
  const perNode = podsPerNode(need.requests, allocatable);
  if (perNode < 1 || perNode === Infinity) return 0;
  return nodesFor(pool, need) * gpusIn(allocatable) - need.pods * gpusIn(need.requests);
}

/** By policy, for a node of the largest kind that is asked. */
function tierOrder(pools: readonly PoolState[], tiers: Tiers): ReadonlyMap<string, TierOrder> {
  const orders = new Map<string, TierOrder>();
  for (const [policy, own] of Map.groupBy(pools, (pool) => pool.policy)) {
    const wanted = Math.max(0, ...own.map((pool) => pool.gpusPerNode ?? 0));
    orders.set(policy, tiers.order(policy, wanted, own));
  }
  return orders;
}

function positionOf(pool: PoolState, { tiers }: TierOrder): number {
  const at = tiers.indexOf(pool.pool.capacityType);
  return at === -1 ? tiers.length : at;
}

function cheapestSpot(
  pools: readonly PoolState[],
  costs: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const cheapest = new Map<string, number>();
  for (const pool of pools) {
    if (!isSpread(pool)) continue;
    const cost = costs.get(pool.id) ?? Infinity;
    cheapest.set(pool.policy, Math.min(cost, cheapest.get(pool.policy) ?? Infinity));
  }
  return cheapest;
}

function isSpread(pool: PoolState): boolean {
  return pool.pool.capacityType === "spot" && pool.spec.spot.diversify;
}

function isNear(pool: PoolState, cost: number, cheapest: ReadonlyMap<string, number>): boolean {
  if (!isSpread(pool)) return false;
  const least = cheapest.get(pool.policy) ?? Infinity;
  return cost === least || cost <= least * (1 + DIVERSITY_MAY_COST);
}

/** The pool that is losing a node, by which the rungs are counted: the first of those that are asked last. */
function losingPool(fleet: Fleet, last: ReadonlySet<string>): PoolState | null {
  const [first] = last;
  return first === undefined ? null : (fleet.poolsById.get(first) ?? null);
}

/** Where a lost node is replaced: the same type in another zone, another type, then the tiers that nobody takes away. */
function rungOf(pool: PoolState, losing: PoolState): number {
  const tier: CapacityType = pool.pool.capacityType;
  if (tier === losing.pool.capacityType) {
    const types = new Set(typesOf(losing));
    return typesOf(pool).some((type) => types.has(type)) ? 0 : 1;
  }
  return tier === "spot" ? 4 : 1 + TIER_ORDER[tier];
}
