// So many GPUs stay on nodes that no cloud takes away, whatever the shares say. Shares themselves keep no node: they
// are targets for what is bought, and a policy has to be able to fall to zero.

import { poolsOf } from "../fleet/fleet.ts";
import { gpusLeft } from "../limits/tier-gpus.ts";
import type { Rule } from "../rule.ts";

export const tierFloor: Rule = {
  name: "tier-floor",
  veto: ({ pool, state, cause }, { packing, steps }) => {
    const floor = pool.spec.spot.onDemandFloorGpus;
    const own = pool.gpusPerNode ?? 0;
    // An ill node is bought again, and holds no floor meanwhile.
    if (floor === 0 || own === 0 || pool.pool.capacityType === "spot" || cause.kind === "unhealthy")
      return null;
    const left = gpusLeft(poolsOf(packing.fleet, pool.policy), steps.removals);
    const gpusAfter = left["on-demand"] + left.reserved - own;
    return gpusAfter < floor ? { code: "tier-floor", node: state.name, gpusAfter, floor } : null;
  },
};
