// Ours: the shipped decision as a sizer; its memory comes back to it in the next snapshot. It is asked when something has
// happened, when a reason of its last plan stops to hold by the passing of time alone, and else at a slow beat. The live
// coordinator's beat is 10 s, since there a look may have missed something; here none does, and what a look in between
// would change without news is the age of readings alone. Windows of schedules, cooldowns, empty, idle and movable nodes,
// pauses after failures all say when they end.

import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { decide } from "../../decide/decide.ts";
import { changesAfterMs } from "../../decide/next.ts";
import type { MakeSizer } from "../sizer.ts";

/** The live coordinator's. */
const LIVE_BEAT_MS = 10_000;
/** As often prices are looked at anew where nothing else happens. */
export const BEAT_MS = millis(900_000);

export function decideSizer({ beatMs = BEAT_MS }: { readonly beatMs?: Millis } = {}): MakeSizer {
  return () => ({
    name: "ours",
    step: (snapshot) => {
      const { plan, memory } = decide(snapshot);
      const reasons = [...plan.holds, ...plan.unplaced].flatMap(({ because }) => because);
      const beat = reasons.some(endsUntold) ? Math.min(beatMs, LIVE_BEAT_MS) : beatMs;
      const soonest = Math.min(beat, changesAfterMs(plan) ?? beat, ...reasons.map(idleLeftMs));
      return { moves: plan.moves, againInMs: millis(soonest), plan, memory };
    },
  });
}

/**
 * A rate is free again when the oldest change leaves its window, a budget when a node that goes is gone; neither reason
 * says when that is.
 */
function endsUntold(reason: Reason): boolean {
  return "windowMs" in reason || reason.code === "disruption-budget";
}

/** Live it is the reports that end an idle window; in a replay they come whenever somebody asks. */
function idleLeftMs(reason: Reason): number {
  return reason.code === "idle-too-short" ? Math.max(0, reason.needMs - reason.forMs) : Infinity;
}
