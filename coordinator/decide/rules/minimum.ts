// Never below what the pool or the policy has to keep, removals under way included. What is ill keeps nothing, and goes
// first where the pool is too full for the next one to come before it.

import { minimumBroken } from "../limits/minima.ts";
import type { Rule } from "../rule.ts";

export const minimum: Rule = {
  name: "minimum",
  veto: ({ pool, cause }, { packing, steps }) =>
    cause.kind === "unhealthy" && packing.ledger.refusal(pool) !== null
      ? null
      : minimumBroken(packing.fleet, pool, steps.removals),
};
