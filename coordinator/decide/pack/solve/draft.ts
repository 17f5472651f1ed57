// A way to place the pods of a part, and which of two ways is the better one: fewer pods without a place, the most
// important kind first; then cost, then GPUs bought, then nodes. As both place the same pods, GPUs bought compare
// like GPUs wasted.

import type { Part } from "./part.ts";

/** Some nodes with the same pods on each. */
export interface Row {
  readonly machine: number;
  readonly kinds: readonly number[];
  /** Pods of each of these kinds on one node. */
  readonly counts: readonly number[];
  readonly nodes: number;
}

export interface Draft {
  readonly rows: readonly Row[];
  /** By kind. */
  readonly unplaced: Int32Array;
  readonly cost: number;
  readonly gpus: number;
  readonly nodes: number;
}

export function draftOf(part: Part, rows: readonly Row[]): Draft {
  const unplaced = part.counts.slice();
  let cost = 0;
  let gpus = 0;
  let nodes = 0;
  for (const row of rows) {
    cost += row.nodes * (part.cost[row.machine] ?? 0);
    gpus += row.nodes * (part.gpus[row.machine] ?? 0);
    nodes += row.nodes;
    for (let at = 0; at < row.kinds.length; at++) {
      const kind = row.kinds[at] ?? 0;
      unplaced[kind] = (unplaced[kind] ?? 0) - row.nodes * (row.counts[at] ?? 0);
    }
  }
  return { rows, unplaced, cost, gpus, nodes };
}

export function isBetter(a: Draft, b: Draft): boolean {
  for (let kind = 0; kind < a.unplaced.length; kind++) {
    const difference = (a.unplaced[kind] ?? 0) - (b.unplaced[kind] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (a.cost !== b.cost) return a.cost < b.cost;
  return a.gpus !== b.gpus ? a.gpus < b.gpus : a.nodes < b.nodes;
}

/** Equal nodes in one row. */
export function merged(rows: readonly Row[]): Row[] {
  const byContent = new Map<string, Row>();
  for (const row of rows) {
    const content = `${row.machine}|${row.kinds.join()}|${row.counts.join()}`;
    const before = byContent.get(content);
    byContent.set(content, before === undefined ? row : { ...before, nodes: before.nodes + row.nodes });
  }
  return [...byContent.values()];
}

/** Nodes of each machine. */
export function nodesOf(part: Part, rows: readonly Row[]): Int32Array {
  const nodes = new Int32Array(part.machines);
  for (const row of rows) nodes[row.machine] = (nodes[row.machine] ?? 0) + row.nodes;
  return nodes;
}

export function keepsLimits(part: Part, rows: readonly Row[]): boolean {
  return nodesOf(part, rows).every((nodes, machine) => nodes <= (part.most[machine] ?? 0));
}
