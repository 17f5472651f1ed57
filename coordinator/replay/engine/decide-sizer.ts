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
import type { Snapshot } from "../../decide/snapshot.ts";
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
      const untold = reasons.map((reason) => untoldLeftMs(reason, snapshot));
      const told = changesAfterMs(plan) ?? beatMs;
      const soonest = Math.min(beatMs, told, ...untold);
      return { moves: plan.moves, againInMs: millis(soonest), plan, memory };
    },
  });
}

/** When a reason ends that does not say so itself, and that live the next look finds ended. */
function untoldLeftMs(reason: Reason, snapshot: Snapshot): number {
  // Live it is the reports that end an idle window; in a replay they come whenever somebody asks.
  if (reason.code === "idle-too-short") return Math.max(0, reason.needMs - reason.forMs);
  // A budget is free again when a node that goes is gone.
  if (reason.code === "disruption-budget") return LIVE_BEAT_MS;
  return "windowMs" in reason ? windowLeftMs(reason.windowMs, snapshot) : Infinity;
}

/** A rate is free again when a change leaves its window: the next one that does. */
function windowLeftMs(windowMs: Millis, { at, policies }: Snapshot): number {
  const changes = policies.flatMap((policy) =>
    policy.kind === "valid" ? [...policy.journal.additions, ...(policy.journal.removals ?? [])] : [],
  );
  const left = changes.map((change) => change.at + windowMs + 1 - at).filter((ms) => ms > 0);
  return Math.min(windowMs, ...left);
}
