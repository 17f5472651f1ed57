// From a problem to parts that have no machine in common, so that each is solved and proven on its own. Costs become
// whole ticks: sums of them compare exactly in whatever order they were added, and a thousandth of a cent is no
// difference. Machines that another one makes needless are left out here.

import { firstDifference } from "../../order.ts";
import { cut, total } from "./part.ts";
import type { Part } from "./part.ts";
import type { Problem } from "./problem.ts";

/** A millionth of the unit of cost; coarser only where sums would leave the whole numbers. */
const FINEST_SCALE = 1e6;
const COUNT_MAX = 2 ** 30;

/** `itemOf` and `machineOf` lead from the part back to the problem; `scale` is ticks in the unit of cost. */
export interface Piece {
  readonly part: Part;
  readonly scale: number;
  readonly itemOf: Int32Array;
  readonly machineOf: Int32Array;
}

/** Pods that no machine takes are in no part. */
export function piecesOf(problem: Problem): Piece[] {
  const pods = problem.items.reduce((sum, { count }) => sum + whole(count), 0);
  const scale = scaleOf(problem.machines, pods);
  const all = tabulate(problem, scale);
  return components(all).map(({ kinds, machines }) => {
    const rough = cut(all, kinds, machines);
    const part = cut(rough, Int32Array.from(kinds.keys()), undominated(rough));
    return {
      part,
      scale,
      itemOf: kinds.map((kind) => all.kindOf[kind] ?? 0),
      machineOf: part.machineOf.map((machine) => all.machineOf[machines[machine] ?? 0] ?? 0),
    };
  });
}

function tabulate({ items, machines, admits, clash }: Problem, scale: number): Part {
  const counts = Int32Array.from(items, ({ count }) => whole(count));
  const pods = total(counts);
  const resources = demanded(items);
  const order = [...machines.entries()]
    .filter(([, { cost, most }]) => cost >= 0 && Number.isFinite(cost) && whole(most) > 0)
    .map(([index, { cost, gpus }]) => ({ index, cost: Math.round(cost * scale), gpus: whole(gpus) }))
    .sort((a, b) => firstDifference(a.cost - b.cost, a.gpus - b.gpus, a.index - b.index));
  const machineOf = Int32Array.from(order, ({ index }) => index);
  const width = resources.length;
  const wants = new Float64Array(items.length * width);
  const has = new Float64Array(order.length * width);
  for (const [item, { amounts }] of items.entries())
    for (const [at, resource] of resources.entries()) wants[item * width + at] = amounts[resource] ?? 0;
  for (const [machine, { index }] of order.entries())
    for (const [at, resource] of resources.entries())
      has[machine * width + at] = machines[index]?.amounts[resource] ?? 0;
  const part: Part = {
    kinds: items.length,
    machines: order.length,
    resources: width,
    kindOf: Int32Array.from(items.keys()),
    machineOf,
    counts,
    perNode: Int32Array.from(items, (item, index) =>
      clash?.(index, index) === true ? Math.min(1, whole(item.perNode)) : whole(item.perNode),
    ),
    wants,
    has,
    cost: Float64Array.from(order, ({ cost }) => cost),
    gpus: Float64Array.from(order, ({ gpus }) => gpus),
    most: machineOf.map((index) => Math.min(pods, whole(machines[index]?.most ?? 0))),
    admits: new Uint8Array(order.length * items.length),
    clash: clash === null ? null : (a, b) => clash(Math.min(a, b), Math.max(a, b)),
  };
  for (let machine = 0; machine < order.length; machine++)
    for (let item = 0; item < items.length; item++)
      if (fitsAlone(part, item, machine) && admits(item, machineOf[machine] ?? 0))
        part.admits[machine * items.length + item] = 1;
  return part;
}

/** A count, or as good as none when it is not one; what has no end has a large one. */
function whole(amount: number): number {
  return amount > 0 ? Math.min(COUNT_MAX, Math.floor(amount)) : 0;
}

/** Resources that somebody asks for; what is not a number is asked for too, and then nothing has it. */
function demanded(items: Problem["items"]): readonly number[] {
  const found = new Set<number>();
  for (const { amounts } of items)
    for (let resource = 0; resource < amounts.length; resource++)
      if (!((amounts[resource] ?? 0) <= 0)) found.add(resource);
  return [...found].sort((a, b) => a - b);
}

function scaleOf(machines: Problem["machines"], pods: number): number {
  let dearest = 0;
  for (const { cost } of machines) if (Number.isFinite(cost)) dearest = Math.max(dearest, cost);
  let scale = FINEST_SCALE;
  while (dearest * scale * Math.max(1, pods) > Number.MAX_SAFE_INTEGER && scale > Number.MIN_VALUE)
    scale /= 10;
  return scale;
}

function fitsAlone({ counts, perNode, wants, has, resources }: Part, kind: number, machine: number): boolean {
  if ((counts[kind] ?? 0) === 0 || (perNode[kind] ?? 0) === 0) return false;
  for (let at = 0; at < resources; at++) {
    const amount = wants[kind * resources + at] ?? 0;
    if (!(amount <= 0) && !(amount <= (has[machine * resources + at] ?? 0))) return false;
  }
  return true;
}

/** Kinds that have a machine in common, directly or through other kinds, are one part. */
function components(part: Part): { readonly kinds: Int32Array; readonly machines: Int32Array }[] {
  const parent = Int32Array.from({ length: part.kinds }, (_, kind) => kind);
  const root = (kind: number): number => {
    let at = kind;
    while (parent[at] !== at) {
      // Shortens the way for those who come after.
      parent[at] = parent[parent[at] ?? 0] ?? 0;
      at = parent[at] ?? 0;
    }
    return at;
  };
  const firstOf = new Int32Array(part.machines).fill(-1);
  for (let machine = 0; machine < part.machines; machine++) {
    for (let kind = 0; kind < part.kinds; kind++) {
      if (part.admits[machine * part.kinds + kind] !== 1) continue;
      if (firstOf[machine] === -1) firstOf[machine] = kind;
      const a = root(firstOf[machine] ?? 0);
      const b = root(kind);
      if (a !== b) parent[Math.max(a, b)] = Math.min(a, b);
    }
  }
  const machinesOf = Map.groupBy(
    [...firstOf.keys()].filter((machine) => firstOf[machine] !== -1),
    (machine) => root(firstOf[machine] ?? 0),
  );
  const kindsOf = Map.groupBy(parent.keys(), root);
  return [...kindsOf].flatMap(([first, kinds]) => {
    const machines = machinesOf.get(first);
    return machines === undefined
      ? []
      : [{ kinds: Int32Array.from(kinds), machines: Int32Array.from(machines) }];
  });
}

/** Without machines for which another one, of which there are enough, does the same for no more. */
function undominated(part: Part): Int32Array {
  const pods = total(part.counts);
  const kept: number[] = [];
  for (let machine = 0; machine < part.machines; machine++) {
    const needless = kept.some((other) => (part.most[other] ?? 0) >= pods && replaces(part, other, machine));
    if (!needless) kept.push(machine);
  }
  return Int32Array.from(kept);
}

/** `other` comes before `machine`, so it is no dearer. */
function replaces({ admits, has, kinds, resources }: Part, other: number, machine: number): boolean {
  for (let at = 0; at < resources; at++)
    if ((has[other * resources + at] ?? 0) < (has[machine * resources + at] ?? 0)) return false;
  for (let kind = 0; kind < kinds; kind++)
    if ((admits[other * kinds + kind] ?? 0) < (admits[machine * kinds + kind] ?? 0)) return false;
  return true;
}
