// Minimum sizes: of a pool first, then of the policy, whose missing nodes go to the pool that would be asked first
// anyway. A floor waits for no cooldown; limits hold for it as for everything. Schedules, forecasts and headroom
// are floors too and join here.

import type { Reason } from "../../../shared/model/reasons.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { growthInFlight } from "../fleet/flights.ts";
import { distinct } from "../order.ts";
import type { Packing } from "../pack/packing.ts";
import { rank } from "./rank.ts";

/** Adds to the ledger; pool id → why. */
export function holdFloors(packing: Packing): ReadonlyMap<string, readonly Reason[]> {
  const { fleet, ledger } = packing;
  const because = new Map<string, Reason[]>();
  for (const pool of fleet.pools) {
    if (pool.blocked !== null) continue;
    const size = pool.planned + ledger.added(pool).nodes;
    const minimum = pool.pool.minSize;
    let here = size;
    while (here < minimum && addOne(packing, pool)) here += 1;
    if (here > size) because.set(pool.id, [{ code: "below-minimum", scope: "pool", size, minimum }]);
  }
  for (const [policy, pools] of Map.groupBy(fleet.pools, (pool) => pool.policy)) {
    const minimum = pools[0]?.spec.minNodes ?? 0;
    const size = poolsOf(fleet, policy).reduce(
      (sum, pool) => sum + pool.planned + ledger.added(pool).nodes,
      0,
    );
    const usable = rank(
      pools.filter((pool) => pool.blocked === null && pool.closed?.code !== "tier-disabled"),
      null,
    );
    for (let missing = minimum - size; missing > 0; missing--) {
      const grown = usable.find((pool) => addOne(packing, pool));
      if (grown === undefined) break;
      because.set(
        grown.id,
        distinct([
          ...(because.get(grown.id) ?? []),
          { code: "below-minimum", scope: "policy", size, minimum },
        ]),
      );
    }
  }
  return because;
}

function addOne({ fleet, ledger }: Packing, pool: PoolState): boolean {
  const flight = growthInFlight(pool.journal, pool.name, fleet.at);
  const refusal = flight === null ? ledger.refusal(pool) : ({ code: "move-in-flight", ...flight } as const);
  if (refusal !== null) {
    ledger.note(pool, refusal);
    return false;
  }
  ledger.take(pool, "minimum");
  return true;
}
