// Sizes that follow from each other: the moves of a pool are carried out in their order, so each starts where the
// one before it ends.

import type { PoolState } from "../fleet/fleet.ts";

export interface Steps {
  /** The pool's next `from` and `to`. */
  next(pool: PoolState, by: number): { readonly from: number; readonly to: number };
  /** True when this decision has changed the pool's size already. */
  moved(pool: PoolState): boolean;
  /** Pool id → nodes that this decision takes away. */
  readonly removals: ReadonlyMap<string, number>;
}

export function createSteps(): Steps {
  const sizes = new Map<string, number>();
  const removals = new Map<string, number>();
  return {
    next: (pool, by) => {
      const from = sizes.get(pool.id) ?? pool.planned;
      if (by < 0) removals.set(pool.id, (removals.get(pool.id) ?? 0) - by);
      sizes.set(pool.id, from + by);
      return { from, to: from + by };
    },
    moved: (pool) => sizes.has(pool.id),
    removals,
  };
}
