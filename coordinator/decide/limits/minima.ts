// What a removal would leave, against what has to stay. Counts the lowest that each group may be: removals that
// are on their way and those planned before in this decision are gone already, growth has not come yet.

import type { Reason } from "../../../shared/model/reasons.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { removalsInFlight } from "../fleet/flights.ts";

/** The minimum that one node less would break; null when none. `going`: pool id → removals of this decision. */
export function minimumBroken(
  fleet: Fleet,
  pool: PoolState,
  going: ReadonlyMap<string, number>,
): Reason | null {
  const lowest = (other: PoolState): number =>
    (other.size ?? other.nodes.length) -
    removalsInFlight(other.journal, other.name, fleet.at) -
    (going.get(other.id) ?? 0);
  if (lowest(pool) - 1 < pool.pool.minSize)
    return { code: "at-minimum", scope: "pool", minimum: pool.pool.minSize };
  const left = poolsOf(fleet, pool.policy).reduce((sum, other) => sum + lowest(other), 0);
  return left - 1 < pool.spec.minNodes
    ? { code: "at-minimum", scope: "policy", minimum: pool.spec.minNodes }
    : null;
}
