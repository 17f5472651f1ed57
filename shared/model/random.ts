// A seeded generator for jitter, the simulated world and property tests. Never for secrets.

/** Returns the next number in [0, 1). */
export type Random = () => number;

/**
 * A deterministic stream: the same seed gives the same numbers on every machine.
 * The algorithm is splitmix32: one 32-bit counter stepped by the golden ratio and mixed.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  };
}
