// What the new nodes on a board come to, and which of two plans for the same pods is better: the one that leaves fewer
// pods, then the cheaper, then the one with fewer GPUs idle, then the one with fewer nodes.

import type { Parts } from "./parts.ts";

export interface Bill {
  readonly left: number;
  /** Class of range → cost of its nodes. */
  readonly costs: ReadonlyMap<number, number>;
  readonly gpus: number;
  readonly nodes: number;
}

/** Of costs that differ by less than that share nodes decide: so small a saving is not worth another node. */
export const SAME_COST = 1e-9;

export function billOf({ board, ranges }: Parts, left: number): Bill {
  const costs = new Map<number, number>();
  let gpus = 0;
  for (let at = board.fixed; at < board.bins.length; at++) {
    const pool = board.bins[at]?.pool ?? null;
    const range = pool === null ? undefined : ranges.of(pool);
    const option = pool === null ? undefined : ranges.optionOf(pool);
    if (range === undefined || option === undefined) continue;
    costs.set(range.class, (costs.get(range.class) ?? 0) + option.cost);
    gpus += option.gpus;
  }
  return { left, costs, gpus, nodes: board.bins.length - board.fixed };
}

export function isBetter(a: Bill, b: Bill): boolean {
  if (a.left !== b.left) return a.left < b.left;
  // What is asked last is what should be bought least.
  const classes = [...new Set([...a.costs.keys(), ...b.costs.keys()])].sort((one, other) => other - one);
  for (const grade of classes) {
    const mine = a.costs.get(grade) ?? 0;
    const yours = b.costs.get(grade) ?? 0;
    if (Math.abs(mine - yours) > SAME_COST * Math.max(mine, yours)) return mine < yours;
  }
  return a.gpus !== b.gpus ? a.gpus < b.gpus : a.nodes < b.nodes;
}
