// An empty node goes once it has been empty for `emptySeconds`, by what the API says alone: a silent agent does
// not keep it. A pod that comes and goes in between starts the time again.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { Rule } from "../rule.ts";

export const emptyWindow: Rule = {
  name: "empty-window",
  veto: ({ pool, state, timers, empty }, { packing }) => {
    if (!empty) return null;
    const forMs = timers.emptySince === null ? millis(0) : elapsed(timers.emptySince, packing.fleet.at);
    const needMs = millis(pool.spec.emptySeconds * 1000);
    return timers.emptySince !== null && forMs >= needMs
      ? null
      : { code: "empty-too-short", node: state.name, forMs, needMs };
  },
};
