// The limits of growth as they are asked just before a call: the decision's own arithmetic with numbers that were
// read a moment ago. Joins decide and act, which do not know each other.

import type { AllowedGrowth } from "./act/budget.ts";
import { assemble } from "./decide/fleet.ts";
import type { Fleet } from "./decide/fleet.ts";
import { addedInWindow, allowedGrowth } from "./decide/limits.ts";
import type { Snapshot } from "./decide/snapshot.ts";

/** `assemble` is asked once per cycle that acts. */
export function createAllowedGrowth(): AllowedGrowth {
  const fleets = new WeakMap<Snapshot, Fleet>();
  const fleetOf = (snapshot: Snapshot): Fleet => {
    const known = fleets.get(snapshot) ?? assemble(snapshot);
    fleets.set(snapshot, known);
    return known;
  };

  return ({ policy, pool, sizes, addedNow, snapshot }) => {
    const spec = policy.spec.nodePools.find(({ name }) => name === pool);
    if (spec === undefined) return 0;
    const pools = fleetOf(snapshot).pools.filter((state) => state.policy === policy.name);
    let policyGpus: number | null = 0;
    for (const [name, size] of sizes) {
      const gpus = pools.find((state) => state.name === name)?.gpusPerNode ?? null;
      if (size > 0) policyGpus = policyGpus === null || gpus === null ? null : policyGpus + size * gpus;
    }
    return allowedGrowth(policy.spec, spec, {
      poolNodes: sizes.get(pool) ?? 0,
      policyNodes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      policyGpus,
      gpusPerNode: pools.find((state) => state.name === pool)?.gpusPerNode ?? null,
      added: addedInWindow(policy.journal, snapshot.at) + addedNow,
    }).nodes;
  };
}
