// The packing problem in numbers: kinds of pods, kinds of nodes that can be bought, what each costs. Nothing here
// knows of labels or policies: who may go where is a table that somebody else has filled.

export interface Item {
  /** Pods of this kind. */
  readonly count: number;
  /** What one asks for, by index of resource. */
  readonly amounts: readonly number[];
  /** Whole GPUs or slices that count against waste. */
  readonly gpus: number;
  /** Of this kind on one node at most. */
  readonly perNode: number;
}

export interface Machine {
  /** What one node has for pods, by index of resource. */
  readonly amounts: readonly number[];
  /** Of one node; at least 0. */
  readonly cost: number;
  readonly gpus: number;
  /** Nodes that may be bought at most. */
  readonly most: number;
}

export interface Problem {
  /** The more important first: where nodes are too few, later ones stay without a place. */
  readonly items: readonly Item[];
  /** Of machines that are equally good, those that come first are bought. */
  readonly machines: readonly Machine[];
  /** True where the item may run on the machine. */
  admits(item: number, machine: number): boolean;
  /** True where the two kinds never share a node, whichever is asked for first; null when none do so. */
  readonly clash: ((a: number, b: number) => boolean) | null;
}

/** The same node several times. */
export interface Load {
  readonly machine: number;
  /** Item → pods of it on each of these nodes. */
  readonly counts: ReadonlyMap<number, number>;
  readonly nodes: number;
}

export interface Solution {
  readonly loads: readonly Load[];
  /** Pods of each item without a place, by index of item. */
  readonly unplaced: readonly number[];
  /** To a millionth a node; coarser only for costs so large that they could not be added up exactly. */
  readonly cost: number;
  /** GPUs of the nodes less those that the pods on them use. */
  readonly wastedGpus: number;
  readonly nodes: number;
  /** No solution that places the same pods costs less. */
  readonly lowerBound: number;
  /** True where it is proven that none is better by cost, then waste, then nodes. */
  readonly optimal: boolean;
  /** Elementary fit tests that it took; the first construction takes as many as it needs, whatever was allowed. */
  readonly units: number;
}
