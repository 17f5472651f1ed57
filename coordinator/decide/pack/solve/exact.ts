// The best way to place few pods, proven: every set of pods costs the least over all sets that one machine of its
// could hold. Where a machine may not be bought as often as that wants it, a second search counts machines.

import { keepsLimits, draftOf, merged } from "./draft.ts";
import type { Draft, Row } from "./draft.ts";
import type { Part } from "./part.ts";
import { cheapest, holds, statesOf } from "./states.ts";
import type { States } from "./states.ts";
import { spend } from "./work.ts";
import type { Work } from "./work.ts";

/** What it costs to reach each set of pods, and the set that the last node holds. */
interface Table {
  readonly cost: Float64Array;
  readonly gpus: Float64Array;
  readonly nodes: Float64Array;
  readonly last: Int32Array;
}

/** Null when the part has more pairs than `pairsMax`, or when the work does not reach. */
export function exactly(part: Part, pairsMax: number, work: Work): Draft | null {
  const states = statesOf(part);
  if (states.pairs > pairsMax) return null;
  if (!spend(work, states.pairs + states.count)) return null;
  const first = cheapest(part, states);
  const table = unbounded(part, states, first);
  const rows = trace(part, states, table, first);
  if (rows !== null && keepsLimits(part, rows)) return draftOf(part, rows);
  const layers = part.most.reduce((sum, most) => sum + most, 0);
  if (states.pairs * layers > pairsMax) return null;
  return spend(work, states.pairs * layers) ? bounded(part, states) : null;
}

function emptyTable(states: States): Table {
  return {
    cost: new Float64Array(states.count).fill(Number.POSITIVE_INFINITY).fill(0, 0, 1),
    gpus: new Float64Array(states.count),
    nodes: new Float64Array(states.count),
    last: new Int32Array(states.count),
  };
}

function unbounded(part: Part, states: States, first: Int32Array): Table {
  const table = emptyTable(states);
  const digits = new Int32Array(part.kinds);
  const taken = new Int32Array(part.kinds);
  for (let state = 1; state < states.count; state++) {
    states.digits(state, digits);
    const lead = digits.findIndex((count) => count > 0);
    // Some node holds a pod of the first kind, so no other node need be looked at for the last one.
    forEachWithin(digits, states, taken, lead, (node) => {
      const machine = first[node] ?? 0;
      if (machine < part.machines) offer(table, state, table, state - node, part, machine, node);
    });
  }
  return table;
}

/** Takes `node` on top of what `before` is in `from`, where that is better than what `state` has. */
function offer(
  to: Table,
  state: number,
  from: Table,
  before: number,
  part: Part,
  machine: number,
  node: number,
): boolean {
  const cost = (from.cost[before] ?? 0) + (part.cost[machine] ?? 0);
  const old = to.cost[state] ?? 0;
  if (!(cost <= old) || cost === Number.POSITIVE_INFINITY) return false;
  const gpus = (from.gpus[before] ?? 0) + (part.gpus[machine] ?? 0);
  const nodes = (from.nodes[before] ?? 0) + 1;
  if (cost === old) {
    const more = gpus - (to.gpus[state] ?? 0);
    if (more > 0 || (more === 0 && nodes >= (to.nodes[state] ?? 0))) return false;
  }
  to.cost[state] = cost;
  to.gpus[state] = gpus;
  to.nodes[state] = nodes;
  to.last[state] = node;
  return true;
}

/** All sets within `digits` that have at least one of the kind `lead`, as numbers. */
function forEachWithin(
  digits: Int32Array,
  { stride }: States,
  taken: Int32Array,
  lead: number,
  visit: (node: number) => void,
): void {
  taken.fill(0);
  taken[lead] = 1;
  let node = stride[lead] ?? 0;
  for (;;) {
    visit(node);
    let kind = digits.length - 1;
    // Counts up like an odometer; kinds before the lead have no pods.
    while (kind >= lead && (taken[kind] ?? 0) >= (digits[kind] ?? 0)) {
      const least = kind === lead ? 1 : 0;
      node -= ((taken[kind] ?? 0) - least) * (stride[kind] ?? 0);
      taken[kind] = least;
      kind--;
    }
    if (kind < lead) return;
    taken[kind] = (taken[kind] ?? 0) + 1;
    node += stride[kind] ?? 0;
  }
}

/** Null when there is no way to place all. */
function trace(part: Part, states: States, table: Table, first: Int32Array): Row[] | null {
  if (table.cost.at(-1) === Number.POSITIVE_INFINITY) return null;
  const rows: Row[] = [];
  for (let state = states.count - 1; state > 0;) {
    const node = table.last[state] ?? 0;
    rows.push(rowOf(part, states, first[node] ?? 0, node));
    state -= node;
  }
  return merged(rows);
}

function rowOf(part: Part, states: States, machine: number, node: number): Row {
  const digits = new Int32Array(part.kinds);
  states.digits(node, digits);
  const kinds = [...digits.keys()].filter((kind) => digits[kind] !== 0);
  return { machine, kinds, counts: kinds.map((kind) => digits[kind] ?? 0), nodes: 1 };
}

/** Machine by machine, one node after the other: each layer may add one node to what the layers before reach. */
function bounded(part: Part, states: States): Draft {
  const table = emptyTable(states);
  const layers: { readonly machine: number; readonly last: Int32Array }[] = [];
  const digits = new Int32Array(part.kinds);
  const taken = new Int32Array(part.kinds);
  const contents = cheapest(part, states);
  for (let machine = 0; machine < part.machines; machine++) {
    const fits = fitting(part, states, contents, machine);
    for (let node = 0; node < (part.most[machine] ?? 0); node++) {
      table.last.fill(0);
      let changed = false;
      // From the largest down, so that what a set builds on is still without this node.
      for (let state = states.count - 1; state > 0; state--) {
        states.digits(state, digits);
        for (let lead = 0; lead < part.kinds; lead++) {
          if (digits[lead] === 0) continue;
          forEachWithin(digits, states, taken, lead, (content) => {
            if (fits[content] === 1 && offer(table, state, table, state - content, part, machine, content))
              changed = true;
          });
          digits[lead] = 0;
        }
      }
      if (!changed) break;
      layers.push({ machine, last: table.last.slice() });
    }
  }
  return draftOf(part, traceLayers(part, states, table, layers));
}

function fitting(part: Part, states: States, contents: Int32Array, machine: number): Uint8Array {
  const fits = new Uint8Array(states.count);
  const digits = new Int32Array(part.kinds);
  for (let state = 1; state < states.count; state++) {
    // What no machine at all may hold needs no second look.
    if ((contents[state] ?? 0) > machine) continue;
    states.digits(state, digits);
    if (holds(part, machine, digits)) fits[state] = 1;
  }
  return fits;
}

/** The largest set that can be placed has most of what matters most. */
function traceLayers(
  part: Part,
  states: States,
  { cost }: Table,
  layers: readonly { readonly machine: number; readonly last: Int32Array }[],
): Row[] {
  const rows: Row[] = [];
  let state = states.count - 1;
  while (cost[state] === Number.POSITIVE_INFINITY) state--;
  for (const { machine, last } of layers.toReversed()) {
    const node = last[state] ?? 0;
    if (node === 0) continue;
    rows.push(rowOf(part, states, machine, node));
    state -= node;
  }
  return merged(rows);
}
