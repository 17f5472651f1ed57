// What the group itself says of its size: bounds of its own, and that somebody else grows it. A size beyond these is
// refused by its provider, so nothing is planned there; our own limits hold besides. Which limit is shown is decided
// where they meet.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { removalsInFlight } from "../fleet/flights.ts";
import type { Going } from "./minima.ts";

/** Null: the group has none. */
export function groupMaximumOf({ input: { group } }: PoolState): number | null {
  return group.kind === "known" ? (group.max ?? null) : null;
}

/** Nodes that the pool may have at most, by its own maximum and by that of its group. */
export function ceilingOf(pool: PoolState): number {
  return Math.min(pool.pool.maxSize, groupMaximumOf(pool) ?? Infinity);
}

/** Why nodes of the pool are never asked for by us; null: they may be. */
export function selfGrowthOf({ id, input: { group } }: PoolState): Reason | null {
  return group.kind === "known" && group.growsItself === true
    ? { code: "group-grows-itself", pool: id }
    : null;
}

/**
 * The minimum of the group that one member less would break; null when it has none, or room. Counted as its provider
 * counts, by its size alone: what failed or is late holds a place of it like any other.
 */
export function groupMinimumBroken(pool: PoolState, going: Going, at: EpochMs): Reason | null {
  const { group } = pool.input;
  if (group.kind !== "known" || group.min === undefined) return null;
  const left =
    (pool.size ?? group.size) - removalsInFlight(pool.journal, pool.name, at) - (going.get(pool.id) ?? 0) - 1;
  return left < group.min ? { code: "group-minimum", group: group.min, minimum: pool.pool.minSize } : null;
}
