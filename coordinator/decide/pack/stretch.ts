// New nodes that change their size before they are asked for: larger for one pod more, or as small as what is on them
// allows. They stay within their range, so nothing that a pod can see changes but the room.

import type { PodInput } from "../snapshot-pod.ts";
import type { Admission } from "./admission.ts";
import { change } from "./amounts.ts";
import type { Ask } from "./amounts.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";
import type { Purchases } from "./purchases.ts";
import type { Option, Range, Ranges } from "./ranges.ts";
import type { Seek } from "./seek.ts";
import type { Work } from "./work.ts";

export interface Stretch {
  /**
   * Of the opened nodes that can become one that holds the pod as well, makes that one larger which adds least a pod:
   * for all `pods` like it that may share it, as a new node would be counted. Null: none does within the bounds.
   */
  forPods(pod: PodInput, pods: number, bounds: Bounds): Bin | null;
  /** Makes this one hold the pod, whatever that adds; false when it cannot. */
  forPod(pod: PodInput, bin: Bin): boolean;
  /** New nodes become the cheapest that hold what is on them. */
  trim(): void;
}

export interface Bounds {
  readonly allowed: (range: Range) => boolean;
  /** Class of ranges that may be made larger; null: any. */
  readonly grade: number | null;
  /** What a pod may add to the cost. */
  readonly most: number;
}

export interface StretchParts {
  readonly board: Board;
  readonly ranges: Ranges;
  readonly admission: Admission;
  readonly purchases: Purchases;
  readonly seek: Seek;
  readonly work: Work;
}

/** A new node and what it could become. */
interface Growth {
  readonly bin: Bin;
  readonly range: Range;
  readonly now: Option;
  /** What is on it and so many pods more. */
  readonly needs: Float64Array;
  readonly pods: number;
  /** To its cost, a pod. */
  readonly adds: number;
}

/** Nodes that are compared before the best of them is taken. */
const CANDIDATES = 32;
/** So little above the best there can be is good enough. */
const NEARLY = 1.05;
/** Sums of prices differ in their last bits. */
const SAME = 1e-9;
/** Options that the limits may refuse before the next node is looked at. */
const TRIES = 4;
/** So many nodes that are looked at cost as much as one real check. */
const GLANCES = 8;

export function createStretch(parts: StretchParts): Stretch {
  const { board, ranges, admission, purchases, seek, work } = parts;
  const { width } = board.amounts;
  /** By face: the range, the option, and what the largest of the range has beyond it. */
  const rangeAt: (Range | undefined)[] = [];
  const optionAt: (Option | undefined)[] = [];
  const beyondAt: (Float64Array | undefined)[] = [];
  for (const range of ranges.all)
    for (const option of range.options) {
      const face = board.faceOf(option.pool);
      rangeAt[face] = range;
      optionAt[face] = option;
      beyondAt[face] = range.largest.map((most, name) => most - (option.row[name] ?? 0));
    }

  const couldHold = ({ id, face }: Bin, { index, amount, nowhere }: Ask): boolean => {
    const beyond = beyondAt[face];
    if (beyond === undefined || nowhere) return false;
    const { left } = board;
    const at = id * width;
    for (let each = 0; each < index.length; each++) {
      const name = index[each] as number;
      if ((amount[each] as number) > (left[at + name] as number) + (beyond[name] as number)) return false;
    }
    return true;
  };
  const contentOf = ({ id }: Bin, { row }: Option): Float64Array =>
    row.map((has, name) => has - (board.left[id * width + name] ?? 0));
  /** Makes the bin the cheapest of its range that holds `needs`, at no more than `most` above what it costs now. */
  const fitTo = (bin: Bin, range: Range, now: Option, needs: Float64Array, most: number): boolean => {
    let tries = 0;
    for (const option of range.options) {
      if (option.cost - now.cost > most || tries === TRIES) return false;
      if (option === now || !covers(option.row, needs)) continue;
      if (purchases.swap(bin, option)) return true;
      tries += 1;
    }
    return false;
  };
  const growthOf = (bin: Bin, range: Range, now: Option, ask: Ask, pods: number): Growth => {
    const content = contentOf(bin, now);
    let count = pods;
    for (let each = 0; each < ask.index.length; each++) {
      const name = ask.index[each] ?? 0;
      const room = (range.largest[name] ?? 0) - (content[name] ?? 0);
      count = Math.min(count, Math.floor(room / (ask.amount[each] ?? 1)));
    }
    for (; count > 1; count = Math.floor(count / 2)) {
      const needs = content.slice();
      change(needs, 0, ask, count);
      const adds = increase(range, now, needs) / count;
      if (adds < Infinity) return { bin, range, now, needs, adds, pods: count };
    }
    change(content, 0, ask, 1);
    return { bin, range, now, needs: content, adds: increase(range, now, content), pods: 1 };
  };

  return {
    forPods: (pod, pods, { allowed, grade, most }) => {
      const kind = board.kinds.of(pod);
      const ask = board.amounts.askOf(kind);
      const from = Math.max(board.fixed, seek.closedBefore(kind));
      const found: Growth[] = [];
      let at = from;
      for (; at < board.bins.length && found.length < CANDIDATES; at++) {
        const bin = board.bins[at] as Bin;
        if (!couldHold(bin, ask)) continue;
        const range = rangeAt[bin.face];
        const now = optionAt[bin.face];
        if (range === undefined || now === undefined || bin.notice !== null) continue;
        if ((grade !== null && range.class !== grade) || !allowed(range)) continue;
        work.use(1);
        if (admission.verdict(kind, bin, pod) !== "fits") continue;
        const growth = growthOf(bin, range, now, ask, pods);
        if (growth.adds > most + SAME) continue;
        found.push(growth);
        // Nothing adds less than what the amounts cost at the best price for each.
        if (growth.adds <= fairPrice(range, ask) * NEARLY) break;
      }
      work.use((at - from) / GLANCES);
      for (const { bin, range, now, needs, pods: count, adds } of found.sort(byAdds))
        if (fitTo(bin, range, now, needs, adds * count + SAME)) return bin;
      return null;
    },
    forPod: (pod, bin) => {
      const kind = board.kinds.of(pod);
      const ask = board.amounts.askOf(kind);
      const range = rangeAt[bin.face];
      const now = optionAt[bin.face];
      if (range === undefined || now === undefined || bin.notice !== null) return false;
      if (!couldHold(bin, ask) || admission.verdict(kind, bin, pod) !== "fits") return false;
      const needs = contentOf(bin, now);
      change(needs, 0, ask, 1);
      return fitTo(bin, range, now, needs, Infinity);
    },
    trim: () => {
      for (let at = board.fixed; at < board.bins.length; at++) {
        const bin = board.bins[at] as Bin;
        const range = rangeAt[bin.face];
        const now = optionAt[bin.face];
        if (range === undefined || now === undefined || bin.notice !== null) continue;
        fitTo(bin, range, now, contentOf(bin, now), -SAME);
      }
    },
  };
}

/** What a node would cost more as the cheapest of its range that holds `needs`; infinite when none does. */
function increase({ options }: Range, now: Option, needs: Float64Array): number {
  for (const option of options)
    if (option.cost >= now.cost && covers(option.row, needs)) return option.cost - now.cost;
  return Infinity;
}

function covers(row: Float64Array, needs: Float64Array): boolean {
  for (let name = 0; name < needs.length; name++)
    if ((needs[name] as number) > 0 && (needs[name] as number) > (row[name] as number)) return false;
  return true;
}

function fairPrice({ rates }: Range, { index, amount }: Ask): number {
  let price = 0;
  for (let each = 0; each < index.length; each++)
    price = Math.max(price, (rates[index[each] ?? 0] ?? 0) * (amount[each] ?? 0));
  return price;
}

function byAdds(a: Growth, b: Growth): number {
  return a.adds - b.adds || a.bin.id - b.bin.id;
}
