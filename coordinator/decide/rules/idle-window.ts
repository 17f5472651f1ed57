// A node with pods goes only after every GPU of it has been below the threshold for `idleSeconds` without a gap.
// The window ends with the last report, not with the present: nobody has seen what came after it. When its agent
// has just said no, that is the reason to show.

import { elapsed, millis, ratio } from "../../../shared/model/units.ts";
import { refusalOf } from "../fleet/idle.ts";
import type { Rule } from "../rule.ts";
import type { Telemetry } from "../snapshot.ts";

export const idleWindow: Rule = {
  name: "idle-window",
  veto: ({ pool, state, timers, cause }, { packing }) => {
    if (cause.kind !== "idle") return null;
    const { at } = packing.fleet;
    const node = state.name;
    const forMs =
      timers.idleSince === null
        ? millis(0)
        : elapsed(timers.idleSince, timers.lastReportAt ?? timers.idleSince);
    const needMs = millis(pool.spec.idleSeconds * 1000);
    if (timers.idleSince !== null && forMs >= needMs) return null;
    const refusedAt = refusalOf(state, pool);
    if (refusedAt !== null && elapsed(refusedAt, at) <= needMs) {
      return {
        code: "agent-refused",
        node,
        detail: "its agent refused, or the last try to remove it failed",
      };
    }
    const busiest = busiestOf(state.node.telemetry);
    if (timers.idleSince === null && busiest !== null && busiest >= pool.spec.scaleDownThreshold) {
      return { code: "busy", node, busiest: ratio(busiest), threshold: ratio(pool.spec.scaleDownThreshold) };
    }
    return { code: "idle-too-short", node, forMs, needMs };
  },
};

/** The highest sample of the newest report, or, when none came since the last decision, the busiest GPU's minute. */
function busiestOf(telemetry: Telemetry): number | null {
  if (telemetry.kind === "unknown") return null;
  const newest = telemetry.since.at(-1)?.peak;
  if (newest !== undefined && newest !== null) return newest;
  const means = telemetry.gpus.flatMap(({ mean60 }) => mean60 ?? []);
  return means.length === 0 ? null : Math.max(...means);
}
