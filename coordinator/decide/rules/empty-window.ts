// An empty node goes once it has been empty for `emptySeconds`, by what the API says alone: a silent agent does
// not keep it. A pod that comes and goes in between starts the time again. One that is to make room for spot does
// not wait for so long.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { Rule } from "../rule.ts";

/** The work of the node has ended, and a minute tells that no other follows at once. */
const RETURN_SECONDS = 60;

export const emptyWindow: Rule = {
  name: "empty-window",
  veto: ({ pool, state, timers, cause }, { packing }) => {
    if (cause.kind !== "empty" && cause.kind !== "return") return null;
    const forMs = timers.emptySince === null ? millis(0) : elapsed(timers.emptySince, packing.fleet.at);
    const { emptySeconds } = pool.spec;
    const needMs = millis(
      1000 * (cause.kind === "return" ? Math.min(emptySeconds, RETURN_SECONDS) : emptySeconds),
    );
    return timers.emptySince !== null && forMs >= needMs
      ? null
      : { code: "empty-too-short", node: state.name, forMs, needMs };
  },
};
