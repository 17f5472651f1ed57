// What the limits of a policy count at the start of a decision: nodes, GPUs and cost of all its pools, growth that was
// begun included, and what was added and removed in the last ten minutes. Unknown stays unknown in each sum.

import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { addingInFlight, removalsInFlight } from "../fleet/flights.ts";
import { addedInWindow, removedInWindow } from "./growth.ts";
import type { Cost } from "./growth.ts";

/** Of one node of the pool; null: not known. */
export type PriceLookup = (pool: PoolState) => number | null;

/** Changed by the ledger as the decision goes on. */
export interface PolicyCount {
  nodes: number;
  /** Null: a pool has nodes and nobody knows what is in them. */
  gpus: number | null;
  cost: Cost["now"];
  added: number;
  /** In the last ten minutes, removals in flight and those of this decision included. */
  removed: number;
  /** Nodes that there were before the removals of the last ten minutes. */
  readonly before: number;
}

export function countPolicy(fleet: Fleet, pool: PoolState, usdPerHourOf: PriceLookup): PolicyCount {
  const { at } = fleet;
  const pools = poolsOf(fleet, pool.policy);
  const sizes = pools.map((other) => ({ pool: other, nodes: other.planned }));
  const nodes = sizes.reduce((sum, size) => sum + size.nodes, 0);
  const removed = removedInWindow(pool.journal, at);
  return {
    nodes,
    gpus: gpusOf(sizes),
    cost: costOf(sizes, usdPerHourOf),
    added: addedInWindow(pool.journal, at) + addingInFlight(pool.journal, at),
    removed: pools.reduce((sum, { name }) => sum + removalsInFlight(pool.journal, name, at), removed),
    before: nodes + removed,
  };
}

interface PoolSize {
  readonly pool: PoolState;
  readonly nodes: number;
}

export function gpusOf(sizes: readonly PoolSize[]): number | null {
  let gpus = 0;
  for (const { pool, nodes } of sizes) {
    if (nodes === 0) continue;
    if (pool.gpusPerNode === null) return null;
    gpus += nodes * pool.gpusPerNode;
  }
  return gpus;
}

export function costOf(sizes: readonly PoolSize[], usdPerHourOf: PriceLookup): Cost["now"] {
  let usdPerHour = 0;
  for (const { pool, nodes } of sizes) {
    if (nodes === 0) continue;
    const price = usdPerHourOf(pool);
    if (price === null) return { unknown: pool.name };
    usdPerHour += nodes * price;
  }
  return { usdPerHour };
}

/** The price that the policy itself gives, for whoever has no price book at hand. */
export function priceOfPolicy({ pool }: PoolState): number | null {
  return pool.price?.usdPerHour ?? null;
}
