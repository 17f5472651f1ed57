// Mean, least, most and a 95 % interval over the starts of a replay, and of the differences between two policies that
// were played the same starts. It knows nothing of what is counted. Starts that overlap in the trace are not independent,
// so the interval says how much the start matters, not how the next month will be.

export interface Spread {
  /** Values that are known. */
  readonly count: number;
  readonly unknown: number;
  /** Null: nothing is known. */
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** The 95 % interval of the mean by Student's t; null with fewer than three values. */
  readonly low: number | null;
  readonly high: number | null;
}

/** t at 97.5 % for 1, 2, 3, … degrees of freedom; beyond the list a value between the last two steps is near enough. */
const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const;

export function spread(values: readonly (number | null)[]): Spread {
  const known = values.filter((value) => value !== null);
  const count = known.length;
  const unknown = values.length - count;
  if (count === 0) return { count, unknown, mean: null, min: null, max: null, low: null, high: null };
  const min = Math.min(...known);
  const max = Math.max(...known);
  // Equal values have that mean and no width; a sum and a division might miss it by the last digit.
  const mean = min === max ? min : known.reduce((sum, value) => sum + value, 0) / count;
  if (count < 3) return { count, unknown, mean, min, max, low: null, high: null };
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = studentT(count - 1) * Math.sqrt(squares / (count - 1) / count);
  return { count, unknown, mean, min, max, low: mean - half, high: mean + half };
}

/** The spread of `b − a`, start by start; a pair of which one is unknown is unknown. */
export function differences(a: readonly (number | null)[], b: readonly (number | null)[]): Spread {
  return spread(
    a.map((value, at) => {
      const other = b[at] ?? null;
      return value === null || other === null ? null : other - value;
    }),
  );
}

function studentT(degrees: number): number {
  return T_975[degrees - 1] ?? (degrees <= 60 ? 2.02 : 1.98);
}
