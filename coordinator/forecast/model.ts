// Everything that a forecaster remembers, as plain numbers: one object that is changed in place while it learns, copied
// for a state and written down as JSON. NaN means "not known" in every array of it.

import { EXPERTS, LAGS, SEASONS } from "./expert-names.ts";
import type { Setup } from "./options.ts";

/** One forecaster whose errors are followed: ours, and the two simple ones that it has to beat. */
export const TRACKS = 3;
/** Of the histogram of errors: half of them below no error, half above. */
export const BUCKETS = 96;
export const TALLY_DAYS = 8;
/** See skill.ts. */
export const TALLY_FIELDS = 9;
export const RELIABILITY_BINS = 10;
export const PENDING_FIELDS = 1 + EXPERTS.length + TRACKS * 3 + 3;

export interface Track {
  readonly histogram: Float64Array;
  /** Mean absolute error by hour of the local day, and of all. */
  readonly byHour: Float64Array;
  /** all hours, adaptive level */
  readonly figures: Float64Array;
}

export interface Horizon {
  /** Weighted sum of losses and of weights, by expert. */
  readonly loss: Float64Array;
  readonly lossWeight: Float64Array;
  /** Forecasts that wait for their bin, by target modulo the steps. */
  readonly pending: Float64Array;
  readonly tracks: readonly Track[];
  /** By day of the target: the day, then the fields. */
  readonly tallies: Float64Array;
  /** For each tenth: count, sum of the probabilities, hits. */
  readonly reliability: Float64Array;
  /** Ours, last value, last week, weight: pinball of about the last day; then coverage of about half a day. */
  readonly recent: Float64Array;
  /** See drift.ts. */
  readonly drift: Float64Array;
  /** See follow.ts. */
  readonly follow: Float64Array;
}

export interface Model {
  /** first bin, last bin, last bin with a value, that value, long mean, its weight */
  readonly head: Float64Array;
  readonly days: Float32Array;
  /** Which local day a row holds, how far it lay from its profile, and from how many bins that is known. */
  readonly rowDay: Float64Array;
  readonly rowDistance: Float64Array;
  readonly rowCount: Float64Array;
  /** log level and its weight */
  readonly level: Float64Array;
  /** By lag: difference and its weight. */
  readonly lagSum: Float64Array;
  readonly lagWeight: Float64Array;
  readonly seasonLevel: Float64Array;
  readonly season: readonly Float32Array[];
  /** Profiles that are worked out ahead, by bin modulo the length: the bin, the value. */
  readonly profileBin: Float64Array;
  readonly profile: Float64Array;
  readonly horizons: readonly Horizon[];
}

export const HEAD = { first: 0, last: 1, known: 2, value: 3, mean: 4, meanWeight: 5 } as const;

export function emptyModel({ slots, steps, lookbackDays }: Setup): Model {
  const rows = lookbackDays + 2;
  const ahead = (steps.at(-1) ?? 1) + 1;
  return {
    head: unknown(6).fill(0, HEAD.mean),
    days: new Float32Array(rows * slots).fill(Number.NaN),
    rowDay: unknown(rows),
    rowDistance: new Float64Array(rows),
    rowCount: new Float64Array(rows),
    level: new Float64Array(2),
    lagSum: new Float64Array(LAGS.length),
    lagWeight: new Float64Array(LAGS.length),
    seasonLevel: unknown(SEASONS.length),
    season: SEASONS.map(({ days }) => new Float32Array(days * slots).fill(Number.NaN)),
    profileBin: unknown(ahead),
    profile: unknown(ahead),
    horizons: steps.map((count) => ({
      loss: new Float64Array(EXPERTS.length),
      lossWeight: new Float64Array(EXPERTS.length),
      pending: unknown(count * PENDING_FIELDS),
      tracks: Array.from({ length: TRACKS }, () => ({
        histogram: new Float64Array(BUCKETS),
        byHour: unknown(24),
        figures: Float64Array.of(Number.NaN, 0.9),
      })),
      tallies: new Float64Array(TALLY_DAYS * (1 + TALLY_FIELDS)),
      reliability: new Float64Array(RELIABILITY_BINS * 3),
      recent: new Float64Array(6),
      drift: new Float64Array(7),
      follow: new Float64Array(2),
    })),
  };
}

function unknown(length: number): Float64Array {
  return new Float64Array(length).fill(Number.NaN);
}
