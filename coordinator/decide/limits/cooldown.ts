// Pauses after a change, per pool and direction, from what the policy's status remembers: a restart or a new
// leader waits as long as the old one would have.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";

export function upCooldownLeft(pool: PoolState, at: EpochMs): Millis {
  return left(pool.journal.lastUpAt[pool.name], pool.spec.scaleUpCooldownSeconds, at);
}

export function downCooldownLeft(pool: PoolState, at: EpochMs): Millis {
  return left(pool.journal.lastDownAt[pool.name], pool.spec.scaleDownCooldownSeconds, at);
}

/** How long an addition still keeps removals of the pool away. */
export function afterAddLeft(pool: PoolState, at: EpochMs): Millis {
  return left(pool.journal.lastUpAt[pool.name], pool.spec.scaleDownDelayAfterAddSeconds, at);
}

function left(since: EpochMs | undefined, seconds: number, at: EpochMs): Millis {
  return since === undefined ? millis(0) : millis(Math.max(0, seconds * 1000 - elapsed(since, at)));
}
