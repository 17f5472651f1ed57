// GPUs of a policy by tier as they are when the removals of this decision are done: for floors of tiers and for the
// return to spot. Growth that is on its way does not count yet.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { Going } from "./minima.ts";

/** `pools` of one policy. */
export function gpusLeft(pools: readonly PoolState[], going: Going): Readonly<Record<CapacityType, number>> {
  const gpus = { spot: 0, "on-demand": 0, reserved: 0 };
  for (const { id, pool, size, nodes, gpusPerNode } of pools) {
    const left = Math.max(0, (size ?? nodes.length) - (going.get(id) ?? 0)) * (gpusPerNode ?? 0);
    // The rest of a group that mixes both is bought on demand.
    const mixed = pool.capacityType === "spot" ? (pool.spotPercentage ?? 1) : 1;
    gpus[pool.capacityType] += left * mixed;
    gpus["on-demand"] += left * (1 - mixed);
  }
  return gpus;
}
