// Runs one series through the forecaster and through what it has to beat, always from the past into the future, and
// scores them on the same bins: the middle by its distance, the upper bound of 90 % by pinball loss and by how often it
// held. Bounds of the simple methods are the 90 % rank of their own errors of the last 14 days.

import { createForecaster } from "../../coordinator/forecast/forecaster.ts";
import { stepsTo } from "../../coordinator/forecast/options.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { Series } from "./forecast-series.ts";

export const METHODS = ["ours", "last-value", "last-week", "weekday-hour"] as const;
type Method = (typeof METHODS)[number];

export interface Score {
  readonly absolute: number;
  readonly pinball: number;
  readonly covered: number;
}

export interface SeriesScore {
  readonly name: string;
  readonly binMinutes: number;
  /** Bins that were judged. */
  readonly count: number;
  /** The better of the correlations with the day and with the week before. */
  readonly rhythm: number;
  readonly methods: Readonly<Record<Method, Score>>;
  /** Share of the judged bins at which it would have been let act. */
  readonly earned: number;
}

const LEAD_MIN = 30;
const DAY_MIN = 1440;
const WARM_DAYS = 14;
const WARM_DAYS_MIN = 8;
const SHARE = 0.9;

/** Null when nothing of the series can be judged. */
export function scoreSeries({ name, binMinutes, bins, firstIndex }: Series): SeriesScore | null {
  const perDay = DAY_MIN / binMinutes;
  const steps = stepsTo(LEAD_MIN, binMinutes);
  const warm = Math.max(WARM_DAYS_MIN, Math.min(WARM_DAYS, bins.length / perDay / 2)) * perDay;
  const forecaster = createForecaster({ binMinutes, horizonsMinutes: [LEAD_MIN] });
  const simple = {
    "last-value": errorsOf(WARM_DAYS * perDay),
    "last-week": errorsOf(WARM_DAYS * perDay),
    "weekday-hour": errorsOf(WARM_DAYS * perDay),
  };
  const sums = Object.fromEntries(METHODS.map((method) => [method, [0, 0, 0]])) as Record<Method, number[]>;
  const waiting = new Map<number, Partial<Record<Method, { middle: number; bound: number }>>>();
  let count = 0;
  let earned = 0;
  const earnedAt = new Map<number, boolean>();
  for (const [at, value] of bins.entries()) {
    const due = waiting.get(at);
    waiting.delete(at);
    if (value !== null && due !== undefined) {
      if (at >= warm && METHODS.every((method) => due[method] !== undefined)) {
        count++;
        if (earnedAt.get(at) === true) earned++;
        for (const method of METHODS) {
          const { middle = 0, bound = 0 } = due[method] ?? {};
          const sum = sums[method];
          sum[0] = (sum[0] ?? 0) + Math.abs(value - middle);
          sum[1] = (sum[1] ?? 0) + (value > bound ? SHARE * (value - bound) : (1 - SHARE) * (bound - value));
          sum[2] = (sum[2] ?? 0) + (value <= bound ? 1 : 0);
        }
      }
      for (const [method, errors] of Object.entries(simple)) {
        const said = due[method as Method];
        if (said !== undefined) errors.add(value - said.middle);
      }
    }
    const start = (firstIndex + at) * binMinutes * 60_000;
    forecaster.learn({ at: epochMs(start), gpus: value });
    const said: Partial<Record<Method, { middle: number; bound: number }>> = {};
    const now = epochMs(start + binMinutes * 60_000);
    const forecast = forecaster.forecast(now, { lead: millis(LEAD_MIN * 60_000) });
    earnedAt.set(at + steps, forecast.kind === "forecast" && forecast.earned);
    if (forecast.kind === "forecast") said.ours = { middle: forecast.p50, bound: forecast.p90 };
    const put = (method: keyof typeof simple, middle: number | null): void => {
      if (middle !== null) said[method] = { middle, bound: middle + simple[method].rank(SHARE) };
    };
    put("last-value", value);
    put("last-week", bins[at + steps - 7 * perDay] ?? null);
    put("weekday-hour", weekdayHour(bins, at, at + steps, firstIndex, perDay));
    waiting.set(at + steps, said);
  }
  if (count === 0) return null;
  const methods = Object.fromEntries(
    METHODS.map((method) => {
      const [absolute = 0, pinball = 0, covered = 0] = sums[method];
      return [method, { absolute: absolute / count, pinball: pinball / count, covered: covered / count }];
    }),
  ) as Record<Method, Score>;
  const rhythm = Math.max(correlation(bins, perDay), correlation(bins, 7 * perDay));
  return { name, binMinutes, count, rhythm, methods, earned: earned / count };
}

/** The guide's own method: the mean of the same weekday and hour in the last 7 days that are known. */
function weekdayHour(
  bins: readonly (number | null)[],
  now: number,
  target: number,
  firstIndex: number,
  perDay: number,
): number | null {
  const perHour = perDay / 24;
  const hourStart = Math.floor((firstIndex + target) / perHour) * perHour - firstIndex - 7 * perDay;
  const found = bins
    .slice(Math.max(0, hourStart), Math.min(now + 1, hourStart + perHour))
    .flatMap((value) => value ?? []);
  return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length;
}

/** The last errors in order of time and of size; `rank`: the one that so large a share of them does not exceed. */
export function errorsOf(max: number): { add(error: number): void; rank(share: number): number } {
  const byTime: number[] = [];
  const bySize: number[] = [];
  const placeOf = (error: number): number => {
    let low = 0;
    let high = bySize.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bySize[middle] ?? 0) < error) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    add(error) {
      byTime.push(error);
      bySize.splice(placeOf(error), 0, error);
      if (byTime.length <= max) return;
      const oldest = byTime.shift() ?? 0;
      bySize.splice(placeOf(oldest), 1);
    },
    rank: (share) => bySize[Math.max(0, Math.ceil(share * bySize.length) - 1)] ?? 0,
  };
}

function correlation(bins: readonly (number | null)[], lag: number): number {
  const pairs = bins.flatMap((value, at) => {
    const before = at < lag ? null : (bins[at - lag] ?? null);
    return value === null || before === null ? [] : [[value, before] as const];
  });
  if (pairs.length < 2) return 0;
  const mean = (which: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[which], 0) / pairs.length;
  const [one, two] = [mean(0), mean(1)];
  let both = 0;
  let own = 0;
  let other = 0;
  for (const [value, before] of pairs) {
    both += (value - one) * (before - two);
    own += (value - one) ** 2;
    other += (before - two) ** 2;
  }
  return own === 0 || other === 0 ? 0 : both / Math.sqrt(own * other);
}
