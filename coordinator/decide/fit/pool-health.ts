// Whether anything can be asked of the pool now: its policy, its group, and what failed there lately, which the market
// remembers. A node that is here or coming has been bought.

import type { Check } from "./check.ts";

export const poolHealth: Check = {
  name: "pool-health",
  reads: "fleet",
  refusal: (_pod, { kind, pool }, { healthOf }) => {
    if (kind !== "new" || pool === null) return null;
    if (pool.closed !== null) return { code: "pool-not-usable", pool: pool.id };
    return healthOf?.(pool) ?? null;
  },
};
