// Tells from the main thread whether the worker is stuck in a driver call, by looking at the words that the
// worker leaves (marks.ts). NVML has no time limit of its own, and a hung driver must be visible while
// everything else in the agent goes on. It only looks; what a hang means is up to its caller.

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import type { Mark } from "./marks.ts";

/** Looks at each half interval and says "hung" at 1.5 intervals: never later than 3 after the call began. */
const LOOKS_PER_INTERVAL = 2;
const HUNG_AFTER_INTERVALS = 1.5;
/**
 * Waking a GPU without persistence mode takes seconds, each; opening 8 of them has been seen to take 28 s in
 * all. One such call is hung when it takes this long.
 */
const OPENING_HUNG_AFTER_MS = 30_000;
/** A wait for events is meant to take time, up to this. */
const EVENT_WAIT_MS = 150;

export interface Hang {
  readonly call: CallName;
  readonly gpu: number | null;
  /** At least this long: the call may have begun up to one look earlier. */
  readonly forMs: Millis;
}

export interface Watchdog {
  readonly lookEveryMs: Millis;
  /** Null while the worker moves or waits for its next cycle. */
  readonly look: (mark: Mark, now: Millis) => Hang | null;
}

export function createWatchdog(intervalMs: Millis): Watchdog {
  let sequence: number | null = null;
  let since: number = 0;
  return {
    lookEveryMs: millis(intervalMs / LOOKS_PER_INTERVAL),
    look: ({ sequence: seen, inCall }, now) => {
      if (inCall === null || seen !== sequence) {
        sequence = inCall === null ? null : seen;
        since = now;
        return null;
      }
      const forMs = millis(Math.max(0, now - since));
      return forMs >= limitFor(inCall.call, intervalMs) ? { ...inCall, forMs } : null;
    },
  };
}

function limitFor(call: CallName, intervalMs: Millis): number {
  const limit = intervalMs * HUNG_AFTER_INTERVALS;
  const { group } = CALLS[call];
  if (group === "event") return limit + EVENT_WAIT_MS;
  return group === "open" ? Math.max(limit, OPENING_HUNG_AFTER_MS) : limit;
}
