// What a back-test has to play, one task for each row, setting and variant, and what is kept of each: its figures. A task is
// plain data, so that it can go to a worker and into a name in the cache: with the same code, policy and traces, tasks of one
// name have one result.

import { createHash } from "node:crypto";

import type { Score } from "../../coordinator/replay/run.ts";
import type { Decider } from "./deciders.ts";
import type { DepthRule, Plan } from "./plan.ts";
import { ROWS, rowOf } from "./rows.ts";
import type { Variant } from "./setting.ts";

export interface Task {
  readonly pair: string;
  readonly depth: DepthRule;
  readonly variant: Variant;
  readonly row: string;
  readonly decider: Decider;
  readonly offset: number;
  /** A hash of what the plan and the row say to it. */
  readonly told: string;
}

/** One row of one table: the same task at all offsets. */
export interface Group {
  readonly table: string;
  readonly pair: string;
  readonly depth: DepthRule;
  readonly variant: Variant;
  readonly row: string;
  readonly decider: Decider;
  readonly told: string;
  readonly offsets: number;
}

export interface Result {
  readonly score: Score;
  /** The floor under every policy at this setting. */
  readonly boundUsd: number | null;
  readonly decisions: number;
  /** Share of five-minute bins in which the forecast was let act; null: there is none. */
  readonly trusted: number | null;
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
  const rowFields = (pair: string, row: string) => {
    const { decider } = rowOf(row);
    return { row, decider, told: toldOf(plan, pair, decider) };
  };
  const main = Object.entries(plan.pairs).flatMap(([pair, { rows, depths, offsets = plan.offsets }]) =>
    depths.flatMap((depth) =>
      (rows ?? ROWS.map(({ id }) => id)).map((row): Group => ({
        table: pair,
        pair,
        depth,
        variant: {},
        ...rowFields(pair, row),
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
        ...rowFields(pair, row),
        offsets: Math.min(offsets, most),
      })),
    );
  });
  return [...main, ...sweeps];
}

export function tasksOf({ pair, depth, variant, row, decider, told, offsets }: Group): readonly Task[] {
  return Array.from({ length: offsets }, (_, offset) => ({
    pair,
    depth,
    variant,
    row,
    decider,
    told,
    offset,
  }));
}

export function nameOf({ pair, depth, variant, row, offset, told }: Task): string {
  const { nodeReadyS = null, restartS = null } = variant;
  return JSON.stringify([pair, depth, nodeReadyS, restartS, row, offset, told]);
}

/** All that a task reads of its plan: neither which rows are played, nor how often, nor what things are called. */
function toldOf(plan: Plan, name: string, decider: Decider): string {
  const { seed, warmInDays, drainHours, times, reservedShare, pairs, workloads, capacities } = plan;
  const { workload = "", capacity = "", days, tuneDays } = pairs[name] ?? {};
  const { title: _, ...load } = workloads[workload] ?? {};
  const read = [
    { seed, warmInDays, drainHours, times, reservedShare, days, tuneDays },
    { ...load, gpuTypes: undefined },
    capacities[capacity],
    decider,
  ];
  return createHash("sha256").update(JSON.stringify(read)).digest("hex").slice(0, 12);
}
