// Which local day and which slot of its clock a bin belongs to, and which days are alike. A day is never taken to be
// 86,400 s long: a slot that the clock skips has no bin, and one that comes twice has two.

import { DAY_MS } from "./options.ts";
import type { Setup } from "./options.ts";
import { offsetAt } from "./zone.ts";

export interface LocalBin {
  /** Days since 1970-01-01 of the local calendar. */
  readonly day: number;
  /** From local midnight, in bins. */
  readonly slot: number;
}

/** `index`: bins since 1970 in UTC. */
export function localBin({ timeZone, binMs }: Setup, index: number): LocalBin {
  const utc = index * binMs;
  const local = utc + offsetAt(timeZone, utc);
  const day = Math.floor(local / DAY_MS);
  return { day, slot: Math.floor((local - day * DAY_MS) / binMs) };
}

/** 0 is Sunday. A special day is what it is treated as: the weekend as a Sunday, a weekday as a Wednesday. */
export function weekdayOf({ special }: Setup, day: number): number {
  const treatAs = special.size === 0 ? undefined : special.get(day)?.treatAs;
  if (treatAs === "weekend") return 0;
  return treatAs === "weekday" ? 3 : (day + 4) % 7;
}

export function isWeekend(weekday: number): boolean {
  return weekday === 0 || weekday === 6;
}

export function isExcluded({ special }: Setup, day: number): boolean {
  return special.size > 0 && special.get(day)?.treatAs === "exclude";
}

export function factorOf({ special }: Setup, day: number): number {
  return special.size === 0 ? 1 : (special.get(day)?.factor ?? 1);
}

/**
 * The days before `day` to which it is compared, youngest first: same weekday, none left out of the calendar. On a
 * special day that is the last day of the kind that it is treated as.
 */
export function alikeDays(setup: Setup, day: number, count: number): readonly number[] {
  if (setup.special.size === 0) return Array.from({ length: count }, (_, week) => day - 7 * (week + 1));
  const weekday = weekdayOf(setup, day);
  const found: number[] = [];
  for (let age = 1; age <= setup.lookbackDays && found.length < count; age++) {
    if (weekdayOf(setup, day - age) === weekday && !isExcluded(setup, day - age)) found.push(day - age);
  }
  return found;
}
