// The PCIe byte counters of the driver have 32 bits and wrap at 4 GiB. From two readings the traffic between them can
// be told only when the link cannot carry that much in the time: then they make one counter that only grows. Elsewhere
// the traffic is not known, and no number is given rather than one that is 4 GiB or more short.

const WRAP = 2 ** 32;

/** Bytes a second and lane, by generation, before any overhead but the coding of the line. */
const BYTES_PER_LANE: Readonly<Record<number, number>> = {
  1: 0.25e9,
  2: 0.5e9,
  3: 1e9,
  4: 2e9,
  5: 4e9,
  6: 8e9,
};

/** The most that a link can carry in a second; Infinity when that is not known. */
export function fastestBytesPerSecond(generation: number | undefined, width: number | undefined): number {
  if (generation === undefined || width === undefined) return Number.POSITIVE_INFINITY;
  return (BYTES_PER_LANE[generation] ?? Number.POSITIVE_INFINITY) * width;
}

/** Whether a counter that is read at this interval can wrap unseen. */
export function wrapsUnseen(bytesPerSecond: number, elapsedMs: number): boolean {
  return bytesPerSecond * (elapsedMs / 1000) >= WRAP;
}

export interface WrappingCounter {
  /**
   * Bytes since the first reading, with the 32-bit counter's value now; NaN when it may have wrapped unseen. After
   * that it counts from 0 again, as a counter does that was reset. `now` is monotonic.
   */
  readonly add: (value: number, nowMs: number) => number;
}

export function createWrappingCounter(bytesPerSecond: number): WrappingCounter {
  let total = 0;
  let last: number | null = null;
  let lastAt = 0;
  return {
    add: (value, nowMs) => {
      const ambiguous = last !== null && wrapsUnseen(bytesPerSecond, nowMs - lastAt);
      if (last === null || ambiguous) total = 0;
      else total += value >= last ? value - last : value + WRAP - last;
      last = value;
      lastAt = nowMs;
      return ambiguous ? Number.NaN : total;
    },
  };
}
