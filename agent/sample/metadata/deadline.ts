// From what a cloud says of the time to the deadline that stands in the sighting, by this machine's wall clock. A time
// that cannot be meant is not believed, and the time of the answer itself tells how far our clock is off. It counts
// nothing down: that is done where a drain is planned.

import { after, epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Seen } from "./reading.ts";

export interface Timing {
  /** Now, by our wall clock. */
  readonly seenAt: EpochMs;
  /** The service's own time, from the head of its answer; null when it gives none. */
  readonly serverNow: EpochMs | null;
  /** How long a notice is where its time is not known. */
  readonly usualMs: Millis;
  /** A termination that is further away cannot be meant; null: any time may be. */
  readonly furthestMs: Millis | null;
}

export interface Deadline {
  readonly at: EpochMs | null;
  /** Why it is not simply the time that the cloud named. */
  readonly doubt: "our-clock-is-off" | "cannot-be-meant" | null;
}

/** The head of an answer has whole seconds, and took its time to get here. */
const SKEW_AT_LEAST_MS = 2_000;

export function deadlineOf(seen: Pick<Seen, "kind" | "endsMachine" | "when">, timing: Timing): Deadline {
  const { seenAt, usualMs } = timing;
  const usual = after(seenAt, usualMs);
  const { when } = seen;
  const terminates = seen.kind === "termination";
  if (when === "at-once") return { at: seenAt, doubt: null };
  if (when === null) return { at: terminates ? usual : null, doubt: null };
  if (when === "begun") return { at: seen.endsMachine ? usual : null, doubt: null };

  const furthestMs = terminates ? timing.furthestMs : null;
  const byServer = leftMs(when, timing.serverNow, furthestMs);
  const isOff = timing.serverNow !== null && Math.abs(timing.serverNow - seenAt) >= SKEW_AT_LEAST_MS;
  if (isOff && byServer !== null) return { at: after(seenAt, byServer), doubt: "our-clock-is-off" };
  if (leftMs(when, seenAt, furthestMs) !== null) return { at: when, doubt: null };
  // What the machine lives through may have begun some time ago.
  if (!seen.endsMachine) return { at: when, doubt: null };
  return { at: usual, doubt: "cannot-be-meant" };
}

/** From `now` to `when`, where that lies ahead and not too far; else null. */
function leftMs(when: EpochMs, now: EpochMs | null, furthestMs: Millis | null): Millis | null {
  if (now === null || when <= now) return null;
  return furthestMs !== null && when - now > furthestMs ? null : millis(when - now);
}

/** The earlier of the two; null is no time at all. */
export function earlier(one: EpochMs | null, other: EpochMs | null): EpochMs | null {
  if (one === null || other === null) return one ?? other;
  return epochMs(Math.min(one, other));
}
