// A call whose end nobody saw is found out first: until then the size of the group may be one or the other. Drains
// that are under way keep nothing; budgets count them.

import { growthInFlight, unsettledRemoval } from "../fleet/flights.ts";
import type { Rule } from "../rule.ts";

export const inFlight: Rule = {
  name: "in-flight",
  veto: ({ pool }, { packing }) => {
    const { at } = packing.fleet;
    const flight =
      unsettledRemoval(pool.journal, pool.name, at) ?? growthInFlight(pool.journal, pool.name, at);
    return flight === null ? null : { code: "move-in-flight", key: flight.key, forMs: flight.forMs };
  },
};
