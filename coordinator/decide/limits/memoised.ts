// One answer for each pool, or for each policy, of a decision: worked out when it is first asked for.

import type { PoolState } from "../fleet/fleet.ts";

export function memoised<T>(keyOf: (pool: PoolState) => string, make: (pool: PoolState) => T) {
  const known = new Map<string, T>();
  return (pool: PoolState): T => {
    const key = keyOf(pool);
    const value = known.get(key);
    if (value !== undefined) return value;
    const made = make(pool);
    known.set(key, made);
    return made;
  };
}
