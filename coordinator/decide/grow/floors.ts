// What has to be there without a pod that asks: minima of pools and policies, floors of schedules, room that is kept
// free, and what a forecast expects. Minima and schedules wait for no cooldown; limits hold for them as for
// everything. Missing nodes of a policy go to the pool that would be asked first anyway.

import type { Reason } from "../../../shared/model/reasons.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { longWindows } from "../limits/upcoming.ts";
import type { Packing } from "../pack/packing.ts";
import { holdForecast } from "./forecast.ts";
import { holdHeadroom } from "./headroom.ts";
import { addOne, addToFirst, give } from "./one-more.ts";
import type { Because } from "./one-more.ts";

/** Adds to the ledger; pool id → why. */
export function holdFloors(packing: Packing): ReadonlyMap<string, readonly Reason[]> {
  const because: Because = new Map();
  for (const pool of packing.fleet.pools) if (pool.blocked === null) holdPool(packing, pool, because);
  for (const [policy, pools] of Map.groupBy(packing.fleet.pools, (pool) => pool.policy))
    holdPolicy(packing, policy, pools, because);
  holdHeadroom(packing, because);
  holdForecast(packing, because);
  return because;
}

function holdPool(packing: Packing, pool: PoolState, because: Because): void {
  const { ledger } = packing;
  const size = sizeOf(packing, pool);
  const minimum = pool.pool.minSize;
  let here = size;
  while (here < minimum && addOne(packing, pool)) here += 1;
  if (here > size) give(because, pool, { code: "below-minimum", scope: "pool", size, minimum });

  const floor = ledger.schedulesOf(pool).floorOf(pool.name);
  const before = here;
  while (floor !== null && here < floor.minimum && addOne(packing, pool)) here += 1;
  if (floor !== null && here > before) give(because, pool, { code: "schedule", size: before, ...floor });
}

function holdPolicy(packing: Packing, policy: string, pools: readonly PoolState[], because: Because): void {
  const [first] = pools;
  if (first === undefined) return;
  noteSchedules(packing, first, pools);
  const usable = pools.filter((pool) => pool.blocked === null && pool.closed?.code !== "tier-disabled");
  const all = poolsOf(packing.fleet, policy);
  const raise = (minimum: number, reasonOf: (size: number) => Reason): void => {
    // Another pool can stand in for machines that do not come; their own pool has asked for them already.
    const size = all.reduce((sum, pool) => sum + sizeOf(packing, pool) - pool.overdue.nodes, 0);
    for (let missing = minimum - size; missing > 0; missing--) {
      const grown = addToFirst(packing, usable);
      if (grown === null) return;
      give(because, grown, reasonOf(size));
    }
  };
  const minimum = first.spec.minNodes;
  raise(minimum, (size) => ({ code: "below-minimum", scope: "policy", size, minimum }));
  const floor = packing.ledger.schedulesOf(first).floorOf(null);
  if (floor !== null) raise(floor.minimum, (size) => ({ code: "schedule", size, ...floor }));
}

/** Schedules that cannot be read, and windows that may be open for longer than was meant. */
function noteSchedules({ fleet, ledger }: Packing, first: PoolState, pools: readonly PoolState[]): void {
  if (first.spec.schedules.length === 0) return;
  const long = longWindows(first.spec, fleet.at);
  for (const pool of pools) {
    const problem = ledger.schedulesOf(pool).problemOf(pool.name);
    for (const reason of problem === null ? long : [problem, ...long]) ledger.note(pool, reason);
  }
}

/** With what this decision has added. A node that is to be replaced holds no floor: the next one comes before it goes. */
function sizeOf({ ledger, demand }: Packing, pool: PoolState): number {
  const ill = demand.replaced.size === 0 ? [] : pool.nodes.filter(({ name }) => demand.replaced.has(name));
  return pool.planned + ledger.added(pool).nodes - ill.length;
}
