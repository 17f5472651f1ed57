// How fast a figure grows over time, and how sure that is: a straight line by least squares through values that were
// measured at even distances. What one value says of the next one counts: a heap that fills and is collected gives
// many values and few independent ones, and the usual error of the line would be far too small.

export interface Slope {
  /** Growth for each unit of the instants. */
  readonly perUnit: number;
  /** Standard error of it, in the same unit. */
  readonly error: number;
  /** Correlation of what is left beside the line with the same one step earlier, from 0 to below 1. */
  readonly autocorrelation: number;
}

export interface Point {
  readonly at: number;
  readonly value: number;
}

/** With fewer points there is always a line that leaves nothing over. */
const POINTS_AT_LEAST = 3;
/** Beyond it a random walk and a slope cannot be told apart by any error. */
const AUTOCORRELATION_AT_MOST = 0.99;

/**
 * The error is that of ordinary least squares times √((1+ρ)/(1−ρ)), where ρ is the autocorrelation of the residuals at
 * one step: n values of which each keeps ρ of the one before tell as much as n(1−ρ)/(1+ρ) independent ones. Taking a
 * line away makes ρ look smaller than it is, by about (2+4ρ)/n (Kendall), which is put back. A negative ρ counts as 0.
 * All NaN when there are too few points or all are at one instant.
 */
export function slopeOf(points: readonly Point[]): Slope {
  const n = points.length;
  const meanAt = mean(points.map(({ at }) => at));
  const meanValue = mean(points.map(({ value }) => value));
  const spread = sum(points.map(({ at }) => (at - meanAt) ** 2));
  if (n < POINTS_AT_LEAST || spread === 0)
    return { perUnit: Number.NaN, error: Number.NaN, autocorrelation: Number.NaN };

  const perUnit = sum(points.map(({ at, value }) => (at - meanAt) * (value - meanValue))) / spread;
  const left = points.map(({ at, value }) => value - meanValue - perUnit * (at - meanAt));
  const squares = sum(left.map((one) => one ** 2));
  if (squares === 0) return { perUnit, error: 0, autocorrelation: 0 };

  const seen = sum(left.slice(1).map((one, index) => one * (left[index] ?? 0))) / squares;
  const whole = seen + (2 + 4 * seen) / n;
  const autocorrelation = Math.min(AUTOCORRELATION_AT_MOST, Math.max(0, whole));
  const plain = Math.sqrt(squares / (n - 2) / spread);
  return {
    perUnit,
    error: plain * Math.sqrt((1 + autocorrelation) / (1 - autocorrelation)),
    autocorrelation,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
