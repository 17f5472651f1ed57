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

/**
 * How long removals keep growth by use away. The mean is the policy's: whichever pool lost a node, the mean rose by
 * it, and a node added for that would come and go in turn. Pods that wait are no mean and do not wait for this.
 */
export function afterRemoveLeft(pools: readonly PoolState[], at: EpochMs): Millis {
  return millis(
    Math.max(
      0,
      ...pools.map((pool) => left(pool.journal.lastDownAt[pool.name], pool.spec.scaleUpCooldownSeconds, at)),
    ),
  );
}

function left(since: EpochMs | undefined, seconds: number, at: EpochMs): Millis {
  return since === undefined ? millis(0) : millis(Math.max(0, seconds * 1000 - elapsed(since, at)));
}
