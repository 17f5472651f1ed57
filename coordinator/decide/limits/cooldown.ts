// Pauses after a change, per pool and direction, from what the policy's status remembers: a restart or a new
// leader waits as long as the old one would have. What another hand changed pauses both directions: whoever did it had a
// reason, and sees what it does before we add to it or take it back.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";

export function upCooldownLeft(pool: PoolState, at: EpochMs): Millis {
  return left(latest(pool.journal.lastUpAt[pool.name], byHandAt(pool)), pool.spec.scaleUpCooldownSeconds, at);
}

export function downCooldownLeft(pool: PoolState, at: EpochMs): Millis {
  const since = latest(pool.journal.lastDownAt[pool.name], byHandAt(pool));
  return left(since, pool.spec.scaleDownCooldownSeconds, at);
}

/** How long an addition still keeps removals of the pool away. */
export function afterAddLeft(pool: PoolState, at: EpochMs): Millis {
  const since = latest(pool.journal.lastUpAt[pool.name], byHandAt(pool, "up"));
  return left(since, pool.spec.scaleDownDelayAfterAddSeconds, at);
}

/**
 * How long removals keep growth by use away. The mean is the policy's: whichever pool lost a node, the mean rose by
 * it, and a node added for that would come and go in turn. Pods that wait are no mean and do not wait for this.
 */
export function afterRemoveLeft(pools: readonly PoolState[], at: EpochMs): Millis {
  return millis(
    Math.max(
      0,
      ...pools.map((pool) => {
        const since = latest(pool.journal.lastDownAt[pool.name], byHandAt(pool, "down"));
        return left(since, pool.spec.scaleUpCooldownSeconds, at);
      }),
    ),
  );
}

/** When another hand last changed the size, in that direction. */
function byHandAt({ sizes }: PoolState, direction?: "up" | "down"): EpochMs | undefined {
  const last = sizes?.byHand.at(-1);
  if (last === undefined || direction === undefined) return last?.at;
  return (direction === "up") === last.to > last.from ? last.at : undefined;
}

function latest(a: EpochMs | undefined, b: EpochMs | undefined): EpochMs | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

function left(since: EpochMs | undefined, seconds: number, at: EpochMs): Millis {
  return since === undefined ? millis(0) : millis(Math.max(0, seconds * 1000 - elapsed(since, at)));
}
