// One schedule at one moment: whether its window is open, until when, and which windows come. Computed from the cron
// lines and the time alone, so that a restart, a missed cycle or a clock that was set back changes nothing. A window
// is half-open: at its start it is open, at its end it is closed. What an open window asks for is in windows.ts.

import type { Schedule } from "../../../shared/contract/policy/growth.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { readCron } from "./cron.ts";
import type { CronLine } from "./cron.ts";

export interface Window {
  readonly opens: EpochMs;
  readonly closes: EpochMs;
}

/** A schedule that can be asked. */
export interface Calendar {
  /** The window that is open at `at`; null: none is. */
  openAt(at: EpochMs): Window | null;
  /** The next window that opens after `at`; null: none ever does. */
  nextAfter(at: EpochMs): Window | null;
}

export type ReadSchedule =
  | { readonly kind: "read"; readonly calendar: Calendar }
  | { readonly kind: "bad"; readonly problems: readonly ScheduleProblem[] };

export interface ScheduleProblem {
  readonly field: "timeZone" | "start" | "end" | "from" | "until";
  readonly problem: string;
}

/** When a window that opened at the given instant closes; null: never. */
type Closing = (opened: EpochMs) => EpochMs | null;

const NEVER_OPEN: Calendar = { openAt: () => null, nextAfter: () => null };

export function readSchedule(schedule: Schedule): ReadSchedule {
  const { timeZone, start, end, durationSeconds } = schedule;
  const problems: ScheduleProblem[] = [];
  const line = (field: "start" | "end", pattern: string): CronLine | null => {
    const read = readCron(pattern, timeZone);
    if (read.kind === "read") return read.line;
    const where = read.field === "timeZone" ? "timeZone" : field;
    if (!problems.some((known) => known.field === where))
      problems.push({ field: where, problem: read.problem });
    return null;
  };
  const instant = (field: "from" | "until"): EpochMs | null => {
    const text = schedule[field];
    const at = text === undefined ? null : parseInstant(text);
    if (text !== undefined && at === null)
      problems.push({
        field,
        problem: `${JSON.stringify(text)} is no instant such as "2026-01-31T08:00:00Z"`,
      });
    return at;
  };
  const starts = line("start", start);
  const ends = end === undefined ? null : line("end", end);
  const from = instant("from") ?? epochMs(0);
  const until = instant("until");
  if (problems.length > 0 || starts === null) return { kind: "bad", problems };
  if (schedule.suspend) return { kind: "read", calendar: NEVER_OPEN };
  const closing: Closing | null =
    ends !== null
      ? (opened) => ends.nextAfter(opened)
      : durationSeconds !== undefined
        ? (opened) => epochMs(opened + durationSeconds * 1000)
        : null;
  // With neither an end nor a length there is no window: the policy's own rules refuse it.
  if (closing === null) return { kind: "read", calendar: NEVER_OPEN };
  return { kind: "read", calendar: calendarOf(starts, closing, from, until) };
}

function calendarOf(starts: CronLine, closing: Closing, from: EpochMs, until: EpochMs | null): Calendar {
  const windowFrom = (opens: EpochMs | null): Window | null => {
    if (opens === null || opens < from || (until !== null && opens > until)) return null;
    const closes = closing(opens);
    return closes === null ? null : { opens, closes };
  };
  return {
    openAt: (at) => {
      const latest = until !== null && until < at ? until : at;
      const window = windowFrom(starts.lastAt(latest));
      return window !== null && at < window.closes ? window : null;
    },
    nextAfter: (at) => {
      const after = at < from ? epochMs(Math.max(0, from - 1)) : at;
      return windowFrom(starts.nextAfter(after));
    },
  };
}

/** The windows that are open or open before `to`, the first ones. */
export function windowsUntil(calendar: Calendar, at: EpochMs, to: EpochMs, most: number): Window[] {
  const open = calendar.openAt(at);
  const windows = open === null ? [] : [open];
  // Starts that fall into an open window open nothing new.
  let next = calendar.nextAfter(open === null ? at : epochMs(open.closes - 1));
  while (next !== null && next.opens < to && windows.length < most) {
    windows.push(next);
    next = calendar.nextAfter(epochMs(Math.max(next.opens, next.closes - 1)));
  }
  return windows;
}
