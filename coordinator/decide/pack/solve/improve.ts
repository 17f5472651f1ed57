// From a way to place all pods to a better one: nodes whose pods are worth little for their cost are emptied, alone
// or a few together, and their pods are placed anew, exactly where they are few. The choice of nodes follows a fixed
// sequence, so the same problem is improved in the same way every time.

import { draftOf, isBetter, merged, nodesOf } from "./draft.ts";
import type { Draft, Row } from "./draft.ts";
import { exactly } from "./exact.ts";
import { greedily } from "./greedy.ts";
import { cut } from "./part.ts";
import type { Part } from "./part.ts";
import { pairsOf } from "./states.ts";
import { spend } from "./work.ts";
import type { Work } from "./work.ts";
import type { Measure } from "./worth.ts";

/** Small enough that many of them can be solved exactly. */
const EXACT_PAIRS = 60_000;
/** Rows that are looked at alone, and rows from which a few are chosen to be placed anew together. */
const ALONE_MAX = 200;
const WORST_ROWS = 32;
const ROUNDS = 1200;
/** After so many rounds in a row without any gain there is little left to find. */
const STALE_ROUNDS = 300;
const UNPLACED_MAX = 8;
const STYLES = ["worth", "balance"] as const;

/** After each step the best so far; over after `effortMax` units of work or when nothing is found for long. */
export function* improvements(
  part: Part,
  start: Draft,
  measure: Measure,
  effortMax: number,
  work: Work,
): Generator<Draft> {
  let best = start;
  for (const row of worstOf(start.rows, measure, ALONE_MAX)) {
    if (!best.rows.includes(row)) continue;
    const better = replaced(part, best, [row], row.nodes, measure, work);
    if (work.stopped) return;
    if (better === null) continue;
    best = better;
    yield best;
  }
  let stale = 0;
  let effort = 0;
  for (let round = 0; round < ROUNDS && stale < STALE_ROUNDS && effort < effortMax; round++) {
    const before = work.used;
    if (!spend(work, best.rows.length)) return;
    const chosen = choose(worstOf(best.rows, measure, WORST_ROWS), round);
    const better = chosen.length < 2 ? null : replaced(part, best, chosen, 1, measure, work);
    if (work.stopped) return;
    stale = better === null ? stale + 1 : 0;
    best = better ?? best;
    effort += work.used - before;
    yield best;
  }
}

/** The rows whose nodes cost most beyond what their pods are worth, the worst first. */
function worstOf(rows: readonly Row[], { worth, cost }: Measure, most: number): Row[] {
  const worst: { readonly row: Row; readonly loss: number }[] = [];
  for (const row of rows) {
    let loss = cost[row.machine] ?? 0;
    for (let at = 0; at < row.kinds.length; at++)
      loss -= (worth[row.kinds[at] ?? 0] ?? 0) * (row.counts[at] ?? 0);
    const last = worst.at(-1);
    if (worst.length === most && last !== undefined && loss <= last.loss) continue;
    const place = worst.findIndex((other) => other.loss < loss);
    worst.splice(place === -1 ? worst.length : place, 0, { row, loss });
    if (worst.length > most) worst.pop();
  }
  return worst.map(({ row }) => row);
}

/** In turn so few of the worst nodes that they are solved exactly, and a few more. */
function choose(worst: readonly Row[], round: number): Row[] {
  const chosen: Row[] = [];
  const most = 2 + (round % 7);
  const isExact = round % 3 === 0;
  const isAlike = round % 3 === 1;
  const first = worst[round % worst.length];
  const used = new Map<Row, number>();
  let next = round;
  for (let tries = 0; tries < WORST_ROWS && chosen.length < most; tries++) {
    // Each of the worst has its turn as the first; a linear congruence spreads its partners among the others.
    const row = tries === 0 ? first : worst[(next >>> 8) % worst.length];
    next = (Math.imul(next, 1_664_525) + 1_013_904_223) >>> 0;
    if (row === undefined || (used.get(row) ?? 0) >= row.nodes) continue;
    if (isAlike && row.machine !== first?.machine) continue;
    if (
      isExact &&
      chosen.length > 0 &&
      pairsOf(Int32Array.from(countsOf([...chosen, row]).counts)) > EXACT_PAIRS
    )
      continue;
    used.set(row, (used.get(row) ?? 0) + 1);
    chosen.push(row);
  }
  return chosen;
}

/** The pods of one node of each row, the most important kind first. */
function countsOf(rows: readonly Row[]): { readonly kinds: number[]; readonly counts: number[] } {
  const counts = new Map<number, number>();
  for (const row of rows)
    for (let at = 0; at < row.kinds.length; at++) {
      const kind = row.kinds[at] ?? 0;
      counts.set(kind, (counts.get(kind) ?? 0) + (row.counts[at] ?? 0));
    }
  const kinds = [...counts.keys()].sort((a, b) => a - b);
  return { kinds, counts: kinds.map((kind) => counts.get(kind) ?? 0) };
}

/** With the pods of one node of each of these rows placed anew, so many times over; null when that is no better. */
function replaced(
  part: Part,
  draft: Draft,
  chosen: readonly Row[],
  times: number,
  measure: Measure,
  work: Work,
): Draft | null {
  const nodes = nodesOf(part, draft.rows);
  const gone = new Map<Row, number>();
  for (const row of chosen) {
    nodes[row.machine] = (nodes[row.machine] ?? 0) - times;
    gone.set(row, (gone.get(row) ?? 0) + times);
  }
  const most = part.most.map((limit, machine) => Math.floor((limit - (nodes[machine] ?? 0)) / times));
  const { kinds, counts } = countsOf(chosen);
  if (times === 1) addUnplaced(kinds, counts, draft.unplaced);
  const few = Int32Array.from(kinds);
  const machines = usable(part, few, most);
  if (!spend(work, part.machines + machines.length * kinds.length)) return null;
  const found = solved(cut(part, few, machines, { counts: Int32Array.from(counts), most }), measure, work);
  if (found === null) return null;
  const rows = draft.rows
    .map((row) => (gone.has(row) ? { ...row, nodes: row.nodes - (gone.get(row) ?? 0) } : row))
    .filter((row) => row.nodes > 0);
  for (const row of found.rows)
    rows.push({
      machine: machines[row.machine] ?? 0,
      kinds: row.kinds.map((kind) => few[kind] ?? 0),
      counts: row.counts,
      nodes: row.nodes * times,
    });
  const better = draftOf(part, rows);
  return isBetter(better, draft) ? { ...better, rows: merged(rows) } : null;
}

/** Pods without a place get another chance, the most important first. */
function addUnplaced(kinds: number[], counts: number[], unplaced: Int32Array): void {
  let room = UNPLACED_MAX;
  for (let kind = 0; kind < unplaced.length && room > 0; kind++) {
    const more = Math.min(room, unplaced[kind] ?? 0);
    if (more === 0) continue;
    room -= more;
    const at = kinds.indexOf(kind);
    if (at === -1) {
      kinds.push(kind);
      counts.push(more);
    } else counts[at] = (counts[at] ?? 0) + more;
  }
}

/** Machines that may be bought and take one of these kinds. */
function usable({ admits, kinds: width }: Part, kinds: Int32Array, most: Int32Array): Int32Array {
  const machines: number[] = [];
  for (let machine = 0; machine < most.length; machine++)
    if ((most[machine] ?? 0) > 0 && kinds.some((kind) => admits[machine * width + kind] === 1))
      machines.push(machine);
  return Int32Array.from(machines);
}

function solved(small: Part, { worth, cost }: Measure, work: Work): Draft | null {
  const exact = exactly(small, EXACT_PAIRS, work);
  if (exact !== null) return exact;
  const own: Measure = {
    worth: Float64Array.from(small.kindOf, (kind) => worth[kind] ?? 0),
    cost: Float64Array.from(small.machineOf, (machine) => cost[machine] ?? 1),
  };
  let best: Draft | null = null;
  for (const style of STYLES) {
    const draft = greedily(small, { style, favour: null }, own, work);
    if (draft !== null && (best === null || isBetter(draft, best))) best = draft;
  }
  return work.stopped ? null : best;
}
