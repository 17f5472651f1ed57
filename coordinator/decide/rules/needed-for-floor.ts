// Never below what a schedule that is open, or about to open, or a forecast that has earned it asks for.

import type { Rule } from "../rule.ts";

export const neededForFloor: Rule = {
  name: "needed-for-floor",
  veto: ({ pool, state, cause }, { packing, steps }) => {
    // As of minima.
    if (cause.kind === "unhealthy" && packing.ledger.refusal(pool) !== null) return null;
    const broken = packing.ledger.floorBroken(pool, steps.removals);
    return broken === null ? null : { code: "needed-for-floor", node: state.name, ...broken };
  },
};
