// What a back-test has to play, one task for each row, setting and variant, and what is kept of each: its figures. A task is
// plain data, so that it can go to a worker and into a name in the cache.

import type { Score } from "../../coordinator/replay/run.ts";
import type { DepthRule, Plan } from "./plan.ts";
import { ROWS } from "./rows.ts";
import type { Variant } from "./setting.ts";

export interface Task {
  readonly pair: string;
  readonly depth: DepthRule;
  readonly variant: Variant;
  readonly row: string;
  readonly offset: number;
}

/** One row of one table: the same task at all offsets. */
export interface Group {
  readonly table: string;
  readonly pair: string;
  readonly depth: DepthRule;
  readonly variant: Variant;
  readonly row: string;
  readonly offsets: number;
}

export interface Result {
  readonly score: Score;
  /** The floor under every policy at this setting. */
  readonly boundUsd: number | null;
  readonly decisions: number;
  readonly seconds: number;
  readonly notes: readonly string[];
  /** Spot and on demand at the catalogue's prices of today, mean of the zones; null: it has none. */
  readonly usdToday: number | null;
}

export interface Limits {
  /** At most so many offsets of each row. */
  readonly offsets: number;
}

/** In the order in which they are played: a whole table after the other, the cheap rows of it first. */
export function groupsOf(plan: Plan, { offsets: most }: Limits): readonly Group[] {
  const main = Object.entries(plan.pairs).flatMap(([pair, { rows, depths, offsets = plan.offsets }]) =>
    depths.flatMap((depth) =>
      (rows ?? ROWS.map(({ id }) => id)).map((row): Group => ({
        table: pair,
        pair,
        depth,
        variant: {},
        row,
        offsets: Math.min(offsets, most),
      })),
    ),
  );
  const sweeps = plan.sweeps.flatMap(({ name, pair, rows, offsets, nodeReadyS, restartS }) => {
    const variants: readonly Variant[] = [
      ...nodeReadyS.map((s) => ({ nodeReadyS: s })),
      ...restartS.map((s) => ({ restartS: s })),
    ];
    const depth = plan.pairs[pair]?.depths[0] ?? "all-or-nothing";
    return variants.flatMap((variant) =>
      rows.map((row): Group => ({
        table: name,
        pair,
        depth,
        variant,
        row,
        offsets: Math.min(offsets, most),
      })),
    );
  });
  return [...main, ...sweeps];
}

export function tasksOf({ pair, depth, variant, row, offsets }: Group): readonly Task[] {
  return Array.from({ length: offsets }, (_, offset) => ({ pair, depth, variant, row, offset }));
}

export function nameOf({ pair, depth, variant, row, offset }: Task): string {
  return JSON.stringify([pair, depth, variant.nodeReadyS ?? null, variant.restartS ?? null, row, offset]);
}
