// Whether a forecast has earned its place: kept by day, how its errors compare with "as now" and "as last week", and how
// often demand stayed under its bound. Everything here is judged on bins that came after the forecast was made.

import { RELIABILITY_BINS, TALLY_DAYS, TALLY_FIELDS } from "./model.ts";
import type { Horizon } from "./model.ts";

export interface Skill {
  /** Days' worth of forecasts that met their bin, of the last 7 days. */
  readonly days: number;
  /** Share of bins at or under the bound of 90 %; null while nothing matured. */
  readonly coverage: number | null;
  /** Pinball loss at 0.9 by that of the better of last value and last week; under 1 is better; by that of last value
   * alone where next to nothing of it is left. Null: nothing to compare. */
  readonly pinballRatio: number | null;
  /** Mean absolute error by that of last week. Null while no week is known, or it was never wrong. */
  readonly mase: number | null;
}

export type StandDown =
  | { readonly code: "cold-start"; readonly days: number; readonly needed: number }
  | { readonly code: "no-skill"; readonly pinballRatio: number; readonly span: "week" | "day" }
  | { readonly code: "miscalibrated"; readonly coverage: number; readonly span: "week" | "day" }
  | { readonly code: "drifted"; readonly hoursLeft: number }
  | { readonly code: "gap" }
  | { readonly code: "excluded-day"; readonly date: string };

const QUANTILE = 0.9;
const NEEDED_DAYS = 2;
const SKILL_MAX = 0.95;
/** Where nine tenths of the errors of "as now" are gone, a week that repeats itself as well is no reason to stand back. */
const FAR_BETTER = 0.1;
const COVERAGE_OFF = 0.07;
const SHORT_COVERAGE_MIN = 0.75;
const SKILL_DAYS = 7;
const RECENT_DAYS = 1;
const COVERAGE_HALF_LIFE_DAYS = 0.5;
const FIELD = {
  count: 1,
  covered: 2,
  ours: 3,
  last: 4,
  weekCount: 5,
  oursByWeek: 6,
  week: 7,
  absolute: 8,
  absoluteWeek: 9,
} as const;

export function pinball(value: number, bound: number, share = QUANTILE): number {
  return value >= bound ? share * (value - bound) : (1 - share) * (bound - value);
}

export interface Outcome {
  readonly day: number;
  readonly value: number;
  readonly point: number;
  readonly bound: number;
  readonly lastBound: number;
  /** NaN while no week is known. */
  readonly weekBound: number;
  readonly week: number;
  /** The chance given to a rise above `threshold`. */
  readonly chance: number;
  readonly threshold: number;
}

export function addOutcome(horizon: Horizon, outcome: Outcome, binsPerDay: number): void {
  const { day, value, point, bound, lastBound, weekBound, week } = outcome;
  if (Number.isNaN(bound) || Number.isNaN(lastBound)) return;
  const { tallies, recent } = horizon;
  const width = 1 + TALLY_FIELDS;
  const row = (day % TALLY_DAYS) * width;
  if (tallies[row] !== day) {
    tallies.fill(0, row, row + width);
    tallies[row] = day;
  }
  const add = (field: number, amount: number): void => {
    tallies[row + field] = (tallies[row + field] ?? 0) + amount;
  };
  const ours = pinball(value, bound);
  const last = pinball(value, lastBound);
  add(FIELD.count, 1);
  add(FIELD.covered, value <= bound ? 1 : 0);
  add(FIELD.ours, ours);
  add(FIELD.last, last);
  const weekKnown = !Number.isNaN(weekBound);
  if (weekKnown) {
    add(FIELD.weekCount, 1);
    add(FIELD.oursByWeek, ours);
    add(FIELD.week, pinball(value, weekBound));
    add(FIELD.absolute, Math.abs(value - point));
    add(FIELD.absoluteWeek, Math.abs(value - week));
  }
  const keep = 0.5 ** (1 / (binsPerDay * RECENT_DAYS));
  recent[0] = (recent[0] ?? 0) * keep + ours;
  recent[1] = (recent[1] ?? 0) * keep + last;
  recent[2] = (recent[2] ?? 0) * keep + (weekKnown ? pinball(value, weekBound) : last);
  const keepShort = 0.5 ** (1 / (binsPerDay * COVERAGE_HALF_LIFE_DAYS));
  recent[4] = (recent[4] ?? 0) * keepShort + (value <= bound ? 1 : 0);
  recent[5] = (recent[5] ?? 0) * keepShort + 1;
  addReliability(horizon, outcome);
}

function addReliability({ reliability }: Horizon, { chance, threshold, value }: Outcome): void {
  if (Number.isNaN(chance)) return;
  const place = Math.min(RELIABILITY_BINS - 1, Math.floor(chance * RELIABILITY_BINS)) * 3;
  reliability[place] = (reliability[place] ?? 0) + 1;
  reliability[place + 1] = (reliability[place + 1] ?? 0) + chance;
  reliability[place + 2] = (reliability[place + 2] ?? 0) + (value > threshold ? 1 : 0);
}

/** `today`: the day of the youngest bin. */
export function skillOf({ tallies }: Horizon, today: number, binsPerDay: number): Skill {
  const sums = new Float64Array(1 + TALLY_FIELDS);
  for (let row = 0; row < tallies.length; row += 1 + TALLY_FIELDS) {
    if ((tallies[row] ?? 0) <= today - SKILL_DAYS) continue;
    for (let field = 1; field <= TALLY_FIELDS; field++)
      sums[field] = (sums[field] ?? 0) + (tallies[row + field] ?? 0);
  }
  const sum = (field: number): number => sums[field] ?? 0;
  const count = sum(FIELD.count);
  const byLast = sum(FIELD.last) > 0 ? sum(FIELD.ours) / sum(FIELD.last) : Infinity;
  const ratios = [
    [sum(FIELD.ours), sum(FIELD.last)],
    ...(sum(FIELD.weekCount) >= binsPerDay * NEEDED_DAYS ? [[sum(FIELD.oursByWeek), sum(FIELD.week)]] : []),
  ].flatMap(([own = 0, other = 0]) => (other > 0 ? [own / other] : []));
  return {
    days: count / binsPerDay,
    coverage: count === 0 ? null : sum(FIELD.covered) / count,
    pinballRatio: ratios.length === 0 ? null : byLast <= FAR_BETTER ? byLast : Math.max(...ratios),
    mase: sum(FIELD.absoluteWeek) > 0 ? sum(FIELD.absolute) / sum(FIELD.absoluteWeek) : null,
  };
}

/** Why the figures may move nothing; empty when they have earned it. */
export function doubts(skill: Skill, { recent }: Horizon): readonly StandDown[] {
  const { days, coverage, pinballRatio } = skill;
  if (days < NEEDED_DAYS) return [{ code: "cold-start", days, needed: NEEDED_DAYS }];
  const found: StandDown[] = [];
  // Rivals that were never wrong leave nothing to be gained.
  if (pinballRatio === null || pinballRatio > SKILL_MAX)
    found.push({ code: "no-skill", pinballRatio: pinballRatio ?? 1, span: "week" });
  else {
    const rival = Math.max(Math.min(recent[1] ?? 0, recent[2] ?? 0), FAR_BETTER * (recent[1] ?? 0));
    if ((recent[0] ?? 0) > rival)
      found.push({ code: "no-skill", pinballRatio: rival > 0 ? (recent[0] ?? 0) / rival : 1, span: "day" });
  }
  const short = (recent[4] ?? 0) / Math.max(recent[5] ?? 0, 1e-9);
  // A bound that always holds may just be a load without noise; one that is too wide pays for it in pinball loss.
  if (coverage !== null && coverage < QUANTILE - COVERAGE_OFF)
    found.push({ code: "miscalibrated", coverage, span: "week" });
  else if (short < SHORT_COVERAGE_MIN) found.push({ code: "miscalibrated", coverage: short, span: "day" });
  return found;
}

export interface Reliability {
  /** Mean of the chances that were given, and the share of times that it came so. */
  readonly given: number;
  readonly came: number;
  readonly count: number;
}

/** One entry for each tenth in which a chance was ever given. */
export function reliabilityOf({ reliability }: Horizon): readonly Reliability[] {
  return Array.from({ length: RELIABILITY_BINS }, (_, tenth) => tenth * 3).flatMap((at) => {
    const count = reliability[at] ?? 0;
    if (count === 0) return [];
    return [{ given: (reliability[at + 1] ?? 0) / count, came: (reliability[at + 2] ?? 0) / count, count }];
  });
}
