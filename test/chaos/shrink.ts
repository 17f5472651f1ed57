// Cuts a list of faults down to a shortest one that still fails: every one of what is left is needed. Delta debugging by
// its usual steps: try each part alone, then each complement, then finer parts. Knows nothing of what a fault is.

/** Trials that a shrinking may take at most; a trial may be a whole run. */
const TRIALS = 200;

export interface Shrunk<T> {
  readonly left: readonly T[];
  readonly trials: number;
  /** False: the trials ran out, and it may go shorter. */
  readonly shortest: boolean;
}

/** @param fails of a part of the list, in its order. It is assumed to hold for the whole list. */
export async function shrink<T>(
  whole: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  { trials: most = TRIALS }: { readonly trials?: number } = {},
): Promise<Shrunk<T>> {
  let left = whole;
  let parts = 2;
  let trials = 0;
  const test = async (part: readonly T[]): Promise<boolean> => {
    trials += 1;
    return await fails(part);
  };

  // Nothing may be needed at all: then the fault is nobody's but the fleet's.
  if (whole.length > 0 && (await test([]))) return { left: [], trials, shortest: true };
  while (left.length > 1) {
    const size = Math.ceil(left.length / parts);
    const chunks = Array.from({ length: Math.ceil(left.length / size) }, (_, i) =>
      left.slice(i * size, (i + 1) * size),
    );
    let next: readonly T[] | null = null;
    for (const [i, chunk] of chunks.entries()) {
      if (trials >= most) return { left, trials, shortest: false };
      if (chunks.length > 2 || i === 0 || left.length === 2) {
        if (await test(chunk)) {
          next = chunk;
          parts = 2;
          break;
        }
      }
      const rest = left.filter((_, at) => at < i * size || at >= (i + 1) * size);
      if (rest.length === chunk.length && chunks.length === 2 && i === 1) continue;
      if (trials >= most) return { left, trials, shortest: false };
      if (await test(rest)) {
        next = rest;
        parts = Math.max(2, parts - 1);
        break;
      }
    }
    if (next !== null) left = next;
    else if (size === 1) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return { left, trials, shortest: true };
}
