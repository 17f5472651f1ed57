// When a plan is due to change by the passing of time alone: a pod has waited long enough, a cooldown or a pause
// ends, a node has been empty for its window, a schedule opens or closes. Nobody sends an event for that, so whoever
// runs the decision asks here when to run it again. An idle window is not among them: its clock is the reports.

import type { Reason } from "../../shared/model/reasons.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Plan } from "./plan.ts";

/** The shortest time after which a reason of the plan no longer holds or a window changes; null when none does. */
export function changesAfterMs(plan: Plan): Millis | null {
  const answers = [...plan.holds, ...plan.unplaced];
  const windows = plan.figures.flatMap(({ changesAt }) =>
    changesAt === undefined || changesAt <= plan.at ? [] : [changesAt - plan.at],
  );
  const left = [...answers.flatMap(({ because }) => because.map(leftMs)), ...windows].filter(
    (ms) => ms !== null,
  );
  return left.length === 0 ? null : millis(Math.max(0, Math.min(...left)));
}

function leftMs(reason: Reason): number | null {
  // A pause that is set to nothing ends with the move that it is about, not with time.
  if ("leftMs" in reason) return reason.leftMs !== undefined && reason.leftMs > 0 ? reason.leftMs : null;
  if (reason.code === "pod-waits") return reason.needMs - reason.ageMs;
  if (reason.code === "empty-too-short" || reason.code === "movable-too-short")
    return reason.needMs - reason.forMs;
  return null;
}
