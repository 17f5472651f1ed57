// Notices that the pattern broke: errors of an hour, in units of the usual error, that stay above their own mean
// (the test of Page and Hinkley). After an alarm the forecast stands back for a day and forgets faster for two.

import type { Horizon } from "./model.ts";

const MEAN = 0;
const HOURS = 1;
const SUM = 2;
const LOW = 3;
const HOUR_SUM = 4;
const HOUR_COUNT = 5;
const ALARM = 6;
/** By how much an hour may be worse than the mean for nothing to be counted. */
const SLACK = 0.5;
const ALARM_AT = 16;
/** One freak hour is no break. */
const HOUR_MAX = 6;
const MEAN_HOURS = 14 * 24;
const STAND_BACK_DAYS = 1;
const HASTY_DAYS = 2;

/** `relative`: the error's size by the usual one. `index`: the bin that matured. */
export function watchDrift({ drift }: Horizon, index: number, relative: number, binsPerDay: number): void {
  drift[HOUR_SUM] = (drift[HOUR_SUM] ?? 0) + relative;
  drift[HOUR_COUNT] = (drift[HOUR_COUNT] ?? 0) + 1;
  if ((drift[HOUR_COUNT] ?? 0) < binsPerDay / 24) return;
  const hour = Math.min(HOUR_MAX, (drift[HOUR_SUM] ?? 0) / (drift[HOUR_COUNT] ?? 1));
  drift[HOUR_SUM] = 0;
  drift[HOUR_COUNT] = 0;
  const hours = Math.min(MEAN_HOURS, (drift[HOURS] ?? 0) + 1);
  drift[HOURS] = hours;
  drift[MEAN] = (drift[MEAN] ?? 0) + (hour - (drift[MEAN] ?? 0)) / hours;
  if (hours < 48) return;
  drift[SUM] = (drift[SUM] ?? 0) + hour - (drift[MEAN] ?? 0) - SLACK;
  drift[LOW] = Math.min(drift[LOW] ?? 0, drift[SUM] ?? 0);
  if ((drift[SUM] ?? 0) - (drift[LOW] ?? 0) <= ALARM_AT) return;
  drift[ALARM] = index;
  drift[SUM] = 0;
  drift[LOW] = 0;
}

/** The bin until which it stands back; null: no alarm, or it is over. */
export function standsBackUntil({ drift }: Horizon, index: number, binsPerDay: number): number | null {
  const until = (drift[ALARM] ?? 0) + STAND_BACK_DAYS * binsPerDay;
  return (drift[ALARM] ?? 0) > 0 && index < until ? until : null;
}

export function isHasty({ drift }: Horizon, index: number, binsPerDay: number): boolean {
  return (drift[ALARM] ?? 0) > 0 && index < (drift[ALARM] ?? 0) + HASTY_DAYS * binsPerDay;
}
