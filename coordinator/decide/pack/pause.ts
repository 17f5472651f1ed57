// Why growth for demand waits in a pool although nothing forbids it: its last growth is not settled, or was not long
// ago. Replacements and floors do not ask; what `behavior` says is asked of the ledger, since it depends on what the
// decision has added.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { growthInFlight } from "../fleet/flights.ts";
import { upCooldownLeft } from "../limits/cooldown.ts";

/** `failedAt`: when machines of the policy last failed to come; null: none did. */
export function pauseOf(pool: PoolState, fleet: Fleet, failedAt: EpochMs | null = null): Reason | null {
  const flight = growthInFlight(pool.journal, pool.name, fleet.at);
  if (flight !== null) return { code: "move-in-flight", key: flight.key, forMs: flight.forMs };
  const grownAt = pool.journal.lastUpAt[pool.name];
  // What a failure gives back was wanted before the last growth: it is no new demand that could wait.
  if (grownAt !== undefined && failedAt !== null && failedAt >= grownAt) return null;
  const leftMs = upCooldownLeft(pool, fleet.at);
  return leftMs > 0 ? { code: "cooldown", direction: "up", leftMs } : null;
}
