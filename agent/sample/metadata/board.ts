// What stands in the metadata now, kept from one answer to the next. A sighting comes with the first answer that shows
// it and leaves by the rule of its cloud, never because an answer failed or could not be read. Which of them counts is
// decided in assess.

import { toInstantText } from "../../../shared/model/instant.ts";
import type { CloudSource } from "../../../shared/model/interruption.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { deadlineOf, earlier } from "./deadline.ts";
import type { Reading, Seen } from "./reading.ts";
import type { Sighting } from "./source.ts";

/** How one place of one cloud speaks. */
export interface Manner {
  /** Which place: what it shows replaces only what it has shown before. */
  readonly place: string;
  readonly source: CloudSource;
  /** Whole answers in a row that have to lack a sighting before it leaves. */
  readonly absences: number;
  /**
   * "lived-through": the cloud never takes it back, so it leaves only when the machine has outlived its deadline by a
   * minute. "not-begun": it is taken back before it begins; afterwards it is over, which says nothing of the machine.
   */
  readonly leaves: "taken-back" | "not-begun" | "lived-through";
  /** The place shows one thing at a time: another time is the same one moved, and a later one tells nothing. */
  readonly single?: boolean;
  readonly usualMs: () => Millis;
  readonly furthestMs: Millis | null;
}

export interface Board {
  /** `serverNow`: the time in the head of the answer. */
  take(reading: Reading, manner: Manner, serverNow: EpochMs | null): void;
  /** In the order in which they were first read. */
  readonly sightings: readonly Sighting[];
}

interface Standing {
  readonly manner: Manner;
  readonly sighting: Sighting;
  readonly when: Seen["when"];
  /** By the monotonic clock; null: it names no time to outlive. */
  readonly outlivedAtMs: number | null;
  readonly absences: number;
}

/** After so long a machine that should be gone has stayed. */
const OUTLIVED_AFTER_MS = 60_000;

export function createBoard(options: {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly log: Log;
  readonly onChange: () => void;
}): Board {
  const { clock, log, onChange } = options;
  let standing: readonly Standing[] = [];
  let sightings: readonly Sighting[] = [];

  function stand(seen: Seen, manner: Manner, serverNow: EpochMs | null, before: Standing | null): Standing {
    const now = clock.now();
    const timing = { seenAt: now, serverNow, usualMs: manner.usualMs(), furthestMs: manner.furthestMs };
    const { at, doubt } = deadlineOf(seen, timing);
    // Of a termination only an earlier time is news. Of maintenance, which may be put off, the latest word counts,
    // unless it has begun.
    const keepsEarlier = seen.kind === "termination" || seen.when === "begun";
    const deadline = before !== null && keepsEarlier ? earlier(before.sighting.deadline, at) : at;
    const { id, kind, action, endsMachine } = seen;
    const seenAt = before?.sighting.seenAt ?? now;
    const sighting = { id, source: manner.source, kind, action, seenAt, deadline, endsMachine };
    tell(sighting, seen, doubt, before === null);
    const leftMs = deadline === null ? null : Math.max(0, deadline - now);
    const outlivedAtMs = leftMs === null ? null : clock.monotonic() + leftMs + OUTLIVED_AFTER_MS;
    return { manner, sighting, when: seen.when, outlivedAtMs, absences: 0 };
  }

  function tell(
    sighting: Sighting,
    seen: Seen,
    doubt: ReturnType<typeof deadlineOf>["doubt"],
    isNew: boolean,
  ): void {
    const deadline = sighting.deadline === null ? {} : { deadline: toInstantText(sighting.deadline) };
    const fields = {
      source: sighting.source,
      name: sighting.id,
      state: sighting.kind,
      reason: sighting.action,
      ...deadline,
    };
    log.info(fields, isNew ? "the metadata announces an event" : "the metadata has changed an event");
    if (doubt === null || typeof seen.when !== "number") return;
    const message =
      doubt === "our-clock-is-off"
        ? "this machine's clock differs from the cloud's: the deadline is counted by the cloud's clock"
        : "the time of the event cannot be meant, or this machine's clock is off: the usual length of a notice is taken instead";
    log.warn(
      { source: sighting.source, name: sighting.id, from: toInstantText(seen.when), ...deadline },
      message,
    );
  }

  /** The sighting that an answer shows again, in whatever words. */
  function shownAgain(seen: Seen, manner: Manner, serverNow: EpochMs | null): Standing | undefined {
    const here = standing.filter((one) => one.manner.place === manner.place);
    const same = here.find((one) => one.sighting.id === seen.id);
    if (same !== undefined || manner.single !== true) return same;
    const timing = {
      seenAt: clock.now(),
      serverNow,
      usualMs: manner.usualMs(),
      furthestMs: manner.furthestMs,
    };
    const { at } = deadlineOf(seen, timing);
    return here.find(({ sighting }) => at !== null && sighting.deadline !== null && sighting.deadline <= at);
  }

  function mayLeave(one: Standing): boolean {
    const { leaves } = one.manner;
    if (one.absences < one.manner.absences) return false;
    const { deadline, endsMachine } = one.sighting;
    const hasBegun = one.when === "begun" || (deadline !== null && deadline <= clock.now());
    if (leaves === "taken-back" || (leaves === "not-begun" && !(endsMachine && hasBegun))) return true;
    return one.outlivedAtMs === null || clock.monotonic() >= one.outlivedAtMs;
  }

  function settle(next: readonly Standing[]): void {
    standing = next;
    const listed: Sighting[] = [];
    for (const { sighting } of next) if (!listed.some(({ id }) => id === sighting.id)) listed.push(sighting);
    const isSame = listed.length === sightings.length && listed.every((one, i) => one === sightings[i]);
    if (isSame) return;
    sightings = listed;
    onChange();
  }

  return {
    take: (reading, manner, serverNow) => {
      // The usual case, each second.
      if (reading.seen.length === 0 && standing.length === 0) return;
      const next = new Map<Standing, Standing>(standing.map((one) => [one, one]));
      const shown = new Set<Standing>();
      const added: Standing[] = [];
      for (const seen of reading.seen) {
        const before = shownAgain(seen, manner, serverNow);
        if (before === undefined) {
          added.push(stand(seen, manner, serverNow, null));
          continue;
        }
        shown.add(before);
        const isSame =
          before.sighting.id !== seen.id ||
          (before.when === seen.when &&
            before.sighting.endsMachine === seen.endsMachine &&
            before.sighting.action === seen.action);
        next.set(before, isSame ? { ...before, absences: 0 } : stand(seen, manner, serverNow, before));
      }
      for (const one of standing) {
        if (one.manner.place !== manner.place || shown.has(one)) continue;
        // Moved to an earlier time: the new one stands for both.
        const moved = manner.single === true && added.length > 0;
        // Of an answer with a flaw nobody knows what it lacks.
        if (!moved && reading.flaw !== null) continue;
        const absent = { ...one, absences: one.absences + 1 };
        if (!moved && !mayLeave(absent)) {
          next.set(one, absent);
          continue;
        }
        next.delete(one);
        log.info(
          { source: manner.source, name: one.sighting.id },
          "the metadata no longer announces an event",
        );
      }
      settle([...next.values(), ...added]);
    },
    get sightings() {
      return sightings;
    },
  };
}
