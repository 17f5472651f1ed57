// One change of a pool at a time: what is under way, or decided in this cycle, is seen through before another node
// of it is given up.

import { millis } from "../../../shared/model/units.ts";
import { growthInFlight, removalInFlight } from "../fleet/flights.ts";
import type { Rule } from "../rule.ts";

export const inFlight: Rule = {
  name: "in-flight",
  veto: ({ pool }, { packing, steps }) => {
    const { at } = packing.fleet;
    const flight =
      removalInFlight(pool.journal, pool.name, at) ?? growthInFlight(pool.journal, pool.name, at);
    if (flight !== null) return { code: "move-in-flight", key: flight.key, forMs: flight.forMs };
    // Nothing has been removed or added yet, but this decision will.
    return steps.moved(pool)
      ? { code: "after-add", leftMs: millis(pool.spec.scaleDownDelayAfterAddSeconds * 1000) }
      : null;
  },
};
