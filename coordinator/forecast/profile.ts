// What is usual at a slot of a local day: the weighted median of the same clock time on earlier days and of its
// neighbours. Young days count more, the same weekday most, and a day that was like no other hardly at all.

import { isExcluded, isWeekend, weekdayOf } from "./calendar.ts";
import type { LocalBin } from "./calendar.ts";
import { valueAt } from "./days.ts";
import { HEAD } from "./model.ts";
import type { Model } from "./model.ts";
import { DAY_MS } from "./options.ts";
import type { Setup } from "./options.ts";

const AGE_HALF_LIFE_DAYS = 14;
const NEIGHBOUR = 0.4;
const SAME_CLASS = 0.35;
const OTHER_CLASS = 0.05;
const ODD_DAY = 0.1;
const ODD_MADS = 3.5;
/** Days from which it is known what an odd one is. */
const ODD_DAYS_MIN = 8;
/** Until then any day is as good as any; until a week, weekdays and weekends are told apart. */
const ANY_DAY_DAYS = 3;
const CLASS_DAYS = 7;

/** Room for every day and its two neighbours; the library is single-threaded and never re-entered. */
const values = new Float64Array(3 * 64);
const weights = new Float64Array(3 * 64);

/** NaN while the slot was never seen. */
export function profileAt(model: Model, setup: Setup, { day, slot }: LocalBin): number {
  const ageOfHistory =
    (((model.head[HEAD.last] ?? 0) - (model.head[HEAD.first] ?? 0)) * setup.binMs) / DAY_MS;
  const weekday = weekdayOf(setup, day);
  const odd = oddDistance(model);
  let count = 0;
  for (let age = 1; age <= setup.lookbackDays; age++) {
    const past = day - age;
    if (isExcluded(setup, past)) continue;
    const kind = alike(weekday, weekdayOf(setup, past), ageOfHistory);
    const row = past % model.rowDay.length;
    const worth = (model.rowDistance[row] ?? 0) > odd && model.rowDay[row] === past ? ODD_DAY : 1;
    const weight = kind * worth * 0.5 ** (age / AGE_HALF_LIFE_DAYS);
    for (let aside = -1; aside <= 1; aside++) {
      const value = valueAt(model, setup, past, slot + aside);
      if (Number.isNaN(value)) continue;
      insert(count++, value, aside === 0 ? weight : weight * NEIGHBOUR);
    }
  }
  return median(count);
}

function alike(weekday: number, other: number, ageOfHistory: number): number {
  if (ageOfHistory < ANY_DAY_DAYS) return 1;
  if (isWeekend(weekday) !== isWeekend(other)) return OTHER_CLASS;
  return weekday === other || ageOfHistory < CLASS_DAYS ? 1 : SAME_CLASS;
}

/** Keeps the room sorted by value. */
function insert(count: number, value: number, weight: number): void {
  let at = count;
  for (; at > 0 && (values[at - 1] ?? 0) > value; at--) {
    values[at] = values[at - 1] ?? 0;
    weights[at] = weights[at - 1] ?? 0;
  }
  values[at] = value;
  weights[at] = weight;
}

function median(count: number): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += weights[at] ?? 0;
  let left = total / 2;
  for (let at = 0; at < count; at++) {
    left -= weights[at] ?? 0;
    if (left <= 0) return values[at] ?? Number.NaN;
  }
  return Number.NaN;
}

/** The distance from its profile above which a day is odd; Infinity while too few days are known. */
function oddDistance({ rowDistance, rowCount }: Model): number {
  const known = rowDistance.filter((_, row) => (rowCount[row] ?? 0) > 0).toSorted();
  if (known.length < ODD_DAYS_MIN) return Infinity;
  const middle = known[known.length >> 1] ?? 0;
  const spread = known.map((distance) => Math.abs(distance - middle)).toSorted();
  return middle + ODD_MADS * Math.max(spread[spread.length >> 1] ?? 0, middle * 0.1);
}
