// The windows of schedules that are open or come next, for people: in the status, and in a warning where a window may
// be longer than was meant. Nothing is decided by them.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { Schedule } from "../../../shared/contract/policy/growth.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import { readSchedule, windowsUntil } from "./schedule.ts";
import type { Window } from "./schedule.ts";

export interface NamedWindow extends Window {
  readonly name: string;
}

/** How far ahead windows are shown, and how many. */
const WINDOWS_MS = 14 * 24 * 3600_000;
const WINDOWS_MAX = 20;

/** The windows of a policy that are open or come next, the first ones first. */
export function scheduledWindows(spec: PolicySpec, at: EpochMs): readonly NamedWindow[] {
  return spec.schedules
    .flatMap((schedule) => windowsOf(schedule, at).map((window) => ({ name: schedule.name, ...window })))
    .sort((a, b) => firstDifference(a.opens - b.opens, a.closes - b.closes, compareText(a.name, b.name)))
    .slice(0, WINDOWS_MAX);
}

/** Longer than that is more often a slip in the weekdays than meant. */
const LONG_WINDOW_MS = 24 * 3600_000;

/** Of each schedule the first window that start and end leave open for more than a day. */
export function longWindows(spec: PolicySpec, at: EpochMs): readonly Reason[] {
  return spec.schedules.flatMap((schedule): Reason[] => {
    // A length that is written down is meant.
    if (schedule.end === undefined) return [];
    const long = windowsOf(schedule, at).find(({ opens, closes }) => closes - opens > LONG_WINDOW_MS);
    if (long === undefined) return [];
    const hours = Math.round((long.closes - long.opens) / 3600_000);
    return [{ code: "long-window", schedule: schedule.name, opens: long.opens, hours }];
  });
}

/** Working out windows costs more than the rest of a quiet decision, and they change by the minute at most. */
const CACHE_MAX = 512;
const cache = new Map<string, readonly Window[]>();

function windowsOf(schedule: Schedule, at: EpochMs): readonly Window[] {
  const { timeZone, start, end, durationSeconds, from, until, suspend } = schedule;
  const minute = epochMs(at - (at % 60_000));
  const key = JSON.stringify([timeZone, start, end, durationSeconds, from, until, suspend, minute]);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const read = readSchedule(schedule);
  const windows =
    read.kind === "bad" ? [] : windowsUntil(read.calendar, minute, epochMs(minute + WINDOWS_MS), WINDOWS_MAX);
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, windows);
  return windows;
}
