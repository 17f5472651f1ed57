// What a removal would leave, against what has to stay and what may stay at most. Counts the lowest that each group
// may be: removals that are on their way and those planned before in this decision are gone already, growth has not
// come yet, and machines that are not counted on any more stand for nothing.

import { predictiveModeOf } from "../../../shared/contract/policy/predictive.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { partsOf } from "../fleet/expected.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { removalsInFlight } from "../fleet/flights.ts";
import { groupMinimumBroken } from "./group-bounds.ts";
import type { Cap, ScheduleState } from "./windows.ts";

/** Pool id → removals of this decision. */
export type Going = ReadonlyMap<string, number>;

/** The minimum that one node less would break, ours or the group's own; null when none. */
export function minimumBroken(fleet: Fleet, pool: PoolState, going: Going): Reason | null {
  if (lowest(fleet, pool, going) - 1 < pool.pool.minSize)
    return { code: "at-minimum", scope: "pool", minimum: pool.pool.minSize };
  if (lowestOfPolicy(fleet, pool, going) - 1 < pool.spec.minNodes)
    return { code: "at-minimum", scope: "policy", minimum: pool.spec.minNodes };
  return groupMinimumBroken(pool, going, fleet.at);
}

/** The same of the pool and its group alone: nodes of other pools do not help with these. */
export function ownMinimumBroken(fleet: Fleet, pool: PoolState, going: Going): Reason | null {
  const minimum = pool.pool.minSize;
  return lowest(fleet, pool, going) - 1 < minimum
    ? { code: "at-minimum", scope: "pool", minimum }
    : groupMinimumBroken(pool, going, fleet.at);
}

export interface BrokenFloor {
  /** In the words of a sentence: which floor. */
  readonly floor: string;
  /** Nodes, of the pool or of the policy. */
  readonly minimum: number;
}

/** The floor of a schedule or of a forecast that one node less would break; null when none. */
export function floorBroken(
  fleet: Fleet,
  pool: PoolState,
  going: Going,
  schedules: ScheduleState,
): BrokenFloor | null {
  const own = schedules.floorOf(pool.name);
  if (own !== null && lowest(fleet, pool, going) - 1 < own.minimum)
    return { floor: `schedule ${own.schedule}`, minimum: own.minimum };
  const all = schedules.floorOf(null);
  if (all !== null && lowestOfPolicy(fleet, pool, going) - 1 < all.minimum)
    return { floor: `schedule ${all.schedule}`, minimum: all.minimum };
  return forecastBroken(fleet, pool, going);
}

function forecastBroken(fleet: Fleet, pool: PoolState, going: Going): BrokenFloor | null {
  const { gpusPerNode } = pool;
  if (predictiveModeOf(pool.spec) !== "ForecastAndScale") return null;
  // A node without GPUs is nothing that a forecast counts.
  if (gpusPerNode === null || gpusPerNode === 0) return null;
  for (const { expected, pools } of partsOf(pool.forecast, poolsOf(fleet, pool.policy))) {
    if (!expected.earned || !pools.includes(pool)) continue;
    const left = pools.reduce(
      (sum, other) => sum + Math.max(0, lowest(fleet, other, going)) * (other.gpusPerNode ?? 0),
      -gpusPerNode,
    );
    // A node that is wanted again before another one could be there stays as well.
    const floor = Math.max(expected.gpus, expected.keepGpus ?? 0);
    if (left < floor) return { floor: "the forecast", minimum: Math.ceil(floor / gpusPerNode) };
  }
  return null;
}

/** A cap of a schedule that the pool or its policy is above. */
export interface OverCap extends Cap {
  /** Nodes that have to go until it holds. */
  readonly nodes: number;
}

export function overCap(
  fleet: Fleet,
  pool: PoolState,
  going: Going,
  schedules: ScheduleState,
): OverCap | null {
  const own = schedules.capOf(pool.name);
  const over = own === null ? 0 : lowest(fleet, pool, going) - own.maximum;
  if (own !== null && over > 0) return { ...own, nodes: over };
  const all = schedules.capOf(null);
  const allOver = all === null ? 0 : lowestOfPolicy(fleet, pool, going) - all.maximum;
  return all !== null && allOver > 0 ? { ...all, nodes: allOver } : null;
}

function lowest(fleet: Fleet, pool: PoolState, going: Going): number {
  return (
    (pool.size ?? pool.nodes.length) -
    pool.overdue.nodes -
    pool.dead.length -
    removalsInFlight(pool.journal, pool.name, fleet.at) -
    (going.get(pool.id) ?? 0)
  );
}

function lowestOfPolicy(fleet: Fleet, pool: PoolState, going: Going): number {
  return poolsOf(fleet, pool.policy).reduce((sum, other) => sum + lowest(fleet, other, going), 0);
}
