// A packing problem as tables of numbers, which the steps of the solver share: kinds of pods in order of importance,
// kinds of machines from cheap to dear. How it is made from the problem is in tabulate.ts.

export interface Part {
  readonly kinds: number;
  readonly machines: number;
  readonly resources: number;
  /** Indexes in what this was cut from. */
  readonly kindOf: Int32Array;
  readonly machineOf: Int32Array;
  readonly counts: Int32Array;
  readonly perNode: Int32Array;
  /** By kind and resource. */
  readonly wants: Float64Array;
  /** By machine and resource. */
  readonly has: Float64Array;
  /** Of one node, in whole ticks. Machines are in order of it, then of their GPUs, then as the caller gave them. */
  readonly cost: Float64Array;
  readonly gpus: Float64Array;
  /** Never above the number of pods, so that as many as there are pods means no limit. */
  readonly most: Int32Array;
  /** By machine and kind: 1 where a pod of the kind may run on the machine and fits when it is empty. */
  readonly admits: Uint8Array;
  readonly clash: ((a: number, b: number) => boolean) | null;
}

export function total(counts: Int32Array): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** Some kinds and some machines of a part, with other counts and limits where they are given. */
export function cut(
  part: Part,
  kinds: Int32Array,
  machines: Int32Array,
  change: { readonly counts?: Int32Array; readonly most?: Int32Array } = {},
): Part {
  const { resources, clash } = part;
  const counts = change.counts ?? kinds.map((kind) => part.counts[kind] ?? 0);
  const limits = change.most ?? part.most;
  const pods = total(counts);
  const admits = new Uint8Array(machines.length * kinds.length);
  for (let machine = 0; machine < machines.length; machine++) {
    const from = (machines[machine] ?? 0) * part.kinds;
    const to = machine * kinds.length;
    for (let kind = 0; kind < kinds.length; kind++)
      admits[to + kind] = part.admits[from + (kinds[kind] ?? 0)] ?? 0;
  }
  return {
    kinds: kinds.length,
    machines: machines.length,
    resources,
    kindOf: kinds,
    machineOf: machines,
    counts,
    perNode: kinds.map((kind) => part.perNode[kind] ?? 0),
    wants: rows(part.wants, kinds, resources),
    has: rows(part.has, machines, resources),
    cost: rows(part.cost, machines, 1),
    gpus: rows(part.gpus, machines, 1),
    most: machines.map((machine) => Math.min(pods, limits[machine] ?? 0)),
    admits,
    clash: clash === null ? null : (a, b) => clash(kinds[a] ?? 0, kinds[b] ?? 0),
  };
}

function rows(from: Float64Array, chosen: Int32Array, width: number): Float64Array {
  const to = new Float64Array(chosen.length * width);
  for (let row = 0; row < chosen.length; row++)
    for (let at = 0; at < width; at++) to[row * width + at] = from[(chosen[row] ?? 0) * width + at] ?? 0;
  return to;
}
