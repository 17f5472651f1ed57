// Never below what the pool or the policy has to keep, removals under way included.

import { minimumBroken } from "../limits/minima.ts";
import type { Rule } from "../rule.ts";

export const minimum: Rule = {
  name: "minimum",
  veto: ({ pool }, { packing, steps }) => minimumBroken(packing.fleet, pool, steps.removals),
};
