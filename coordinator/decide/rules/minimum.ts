// Never below what the pool, the policy or the group itself has to keep, removals under way included. What is ill keeps
// nothing of ours, and goes first where the pool is too full for the next one to come before it; what the group keeps
// its provider does not let go.

import { groupMinimumBroken } from "../limits/group-bounds.ts";
import { minimumBroken } from "../limits/minima.ts";
import type { Rule } from "../rule.ts";

export const minimum: Rule = {
  name: "minimum",
  veto: ({ pool, cause }, { packing, steps }) =>
    cause.kind === "unhealthy" && packing.ledger.refusal(pool) !== null
      ? groupMinimumBroken(pool, steps.removals, packing.fleet.at)
      : minimumBroken(packing.fleet, pool, steps.removals),
};
