// How long a new node of a pool takes from the call to the first pod, from what its last machines took. Whoever has
// to be ready at an instant begins so much earlier.

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { atShare } from "../fleet/ledger-stages.ts";
import { isInstant } from "../fleet/sane-value.ts";
import type { Memory } from "../snapshot-memory.ts";

/** While nothing was measured. */
const LEAD_DEFAULT_MS = millis(10 * 60_000);
/** So many of its machines came as fast or faster. */
const LEAD_SHARE = 0.9;

export function leadMsOf(pool: PoolState, memory: Memory): Millis {
  const measured = (memory.bootMs?.[pool.id] ?? []).filter(isInstant).toSorted((a, b) => a - b);
  return atShare(measured, LEAD_SHARE) ?? LEAD_DEFAULT_MS;
}

/** By the name of a pool of the policy; of its slowest pool for null. */
export function leadsOf(fleet: Fleet, policy: string, memory: Memory): (pool: string | null) => Millis {
  const pools = poolsOf(fleet, policy);
  return (name) => {
    const own = pools.filter((pool) => name === null || pool.name === name);
    return millis(Math.max(0, ...own.map((pool) => leadMsOf(pool, memory))));
  };
}
