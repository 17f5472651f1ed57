// Many pods at once that depend on no others: as a packing problem in numbers, solved as a whole, so that what is
// bought is good for all of them together. Each policy's GPUs are divided by its shares first; what is over a limit is
// taken out and the rest is solved anew.

import type { Market } from "../market/market.ts";
import { firstDifference } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { billOf, isBetter } from "./bill.ts";
import { lotsOf, peersOf, problemOf } from "./lots.ts";
import type { Lot, Peers } from "./lots.ts";
import { placeOneByOne } from "./one-by-one.ts";
import type { Parts } from "./parts.ts";
import type { Option, Range } from "./ranges.ts";
import { keep, redo, rollBack } from "./redo.ts";
import { seatAll } from "./seat-all.ts";
import { shareOut } from "./share-out.ts";
import type { Load } from "./solve/problem.ts";
import { solve } from "./solve/solve.ts";

/** What the solver may do at most: beyond that its gains are small. */
const UNITS = 200_000;
const UNITS_A_POD = 400;
/** Rounds in which refused pools are left out; each may find the next limit. */
const ROUNDS = 6;

/** `pods` in order of importance; those that are left without a place. */
export function placeInBulk(pods: readonly PodInput[], parts: Parts): readonly PodInput[] {
  let left = pods;
  const grades = [...new Set(parts.ranges.all.map((range) => range.class))].sort((a, b) => a - b);
  for (const grade of grades) {
    if (left.length === 0) break;
    const ranges = parts.ranges.all.filter((range) => range.class === grade);
    for (const [index, { pods: part, among }] of shareOut(left, ranges, parts).entries()) {
      // Room on what one tier has bought costs nothing: a share opens no second node beside a node that is half empty.
      const { stuck, leftOut } = index === 0 ? { stuck: part, leftOut: [] } : seatAll(part, parts);
      const open = new Set([...stuck, ...leftOut]);
      const bought = buy(
        part.filter((pod) => open.has(pod)),
        among,
        parts,
      );
      const placed = new Set([...part.filter((pod) => !open.has(pod)), ...bought]);
      if (placed.size > 0) left = left.filter((pod) => !placed.has(pod));
    }
    // What a tier could not take goes wherever there is room: a share keeps no pod waiting.
    for (const own of Map.groupBy(ranges, (range) => range.policy).values()) {
      if (left.length === 0) break;
      const placed = new Set(buy(left, own, parts));
      if (placed.size > 0) left = left.filter((pod) => !placed.has(pod));
    }
  }
  return left;
}

/** As the solver says or one by one, whichever is better: a small pod fills what a large one leaves for nothing. */
function buy(pods: readonly PodInput[], ranges: readonly Range[], parts: Parts): readonly PodInput[] {
  const { purchases, stretch, work } = parts;
  const mark = purchases.mark();
  const { placed, proven } = buySolved(pods, ranges, parts);
  if (proven || work.left <= 0) return placed;
  const bill = billOf(parts, pods.length - placed.length);
  const trial = keep(parts, mark);
  rollBack(parts, mark);
  const { stuck, leftOut } = placeOneByOne(pods, parts, ranges);
  stretch.trim();
  const left = new Set([...stuck, ...leftOut]);
  if (isBetter(billOf(parts, left.size), bill)) return pods.filter((pod) => !left.has(pod));
  rollBack(parts, mark);
  redo(parts, trial);
  return placed;
}

interface Solved {
  readonly placed: readonly PodInput[];
  /** Nothing is better, or nothing could be done. */
  readonly proven: boolean;
}

function buySolved(pods: readonly PodInput[], ranges: readonly Range[], parts: Parts): Solved {
  const placed: PodInput[] = [];
  let lots = lotsOf(pods, parts);
  let proven = true;
  for (let round = 0; round < ROUNDS && lots.length > 0; round++) {
    const peers = peersOf(lots, ranges, parts);
    if (peers.length === 0) break;
    const { loads, units, optimal } = solve(
      problemOf(lots, peers, parts),
      Math.min(parts.work.left, UNITS + UNITS_A_POD * pods.length),
    );
    parts.work.use(units);
    proven &&= optimal;
    const before = placed.length;
    for (const load of loads.toSorted(byImportance))
      for (const pod of carryOut(load, lots, peers, parts)) placed.push(pod);
    if (placed.length === before) break;
    lots = lots.filter((lot) => lot.next < lot.pods.length);
  }
  return { placed, proven };
}

/** Nodes with the most important pods first: a limit then stops the others. */
function byImportance(a: Load, b: Load): number {
  return firstDifference(Math.min(...a.counts.keys()) - Math.min(...b.counts.keys()), a.machine - b.machine);
}

/** Opens the nodes and fills them, as far as limits allow. */
function carryOut(
  { machine, counts, nodes }: Load,
  lots: readonly Lot[],
  peers: readonly Peers[],
  { board, purchases, market }: Parts,
): readonly PodInput[] {
  const placed: PodInput[] = [];
  let open = peers[machine]?.options ?? [];
  for (let node = 0; node < nodes; node++) {
    open = open.filter(({ pool }) => purchases.refusal(pool) === null);
    const option = pick(open, market);
    if (option === null) break;
    const bin = purchases.open(option, null);
    for (const [item, count] of counts) {
      const lot = lots[item];
      if (lot === undefined) continue;
      for (const pod of lot.pods.slice(lot.next, lot.next + count)) {
        board.put(bin, pod);
        placed.push(pod);
      }
      lot.next += count;
    }
  }
  return placed;
}

function pick(options: readonly Option[], market: Market): Option | null {
  if (options.length < 2) return options[0] ?? null;
  const [best] = market.rank(
    options.map(({ pool }) => pool),
    null,
  );
  return options.find(({ pool }) => pool === best) ?? null;
}
