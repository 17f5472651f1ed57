// One pod after the other: onto a node that is here, is coming or was opened before, else by making an opened node
// larger or opening another, whichever adds less to the cost. For pods that depend on where others are; what each of
// them finds depends on those before it.

import type { PodKind } from "../fit/kind.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Admission } from "./admission.ts";
import { change } from "./amounts.ts";
import type { Ask } from "./amounts.ts";
import type { Bin, Board } from "./board.ts";
import { isAlone, perNode } from "./openings.ts";
import type { Openings } from "./openings.ts";
import type { Purchases } from "./purchases.ts";
import type { Option, Range, Ranges } from "./ranges.ts";
import type { Seek } from "./seek.ts";
import type { Work } from "./work.ts";

export interface Placer {
  /** Room that is there or was opened before; nothing is bought. */
  seat(pod: PodInput): Bin | null;
  /** `alike`: pods of its kind that wait, itself included. */
  place(pod: PodInput, alike: number, allowed: (range: Range) => boolean): Bin | null;
  /** Puts the pod on this new node, made as much larger as it takes; null when it cannot be. */
  squeeze(bin: Bin, pod: PodInput): Bin | null;
  /** New nodes become the cheapest that hold what is on them. */
  trim(): void;
}

export interface PlacerParts {
  readonly board: Board;
  readonly ranges: Ranges;
  readonly admission: Admission;
  readonly purchases: Purchases;
  readonly openings: Openings;
  readonly seek: Seek;
  readonly work: Work;
}

/** A new node that may become a larger one. */
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

interface Limits {
  readonly allowed: (range: Range) => boolean;
  /** Class of ranges that may be made larger; null: any. */
  readonly grade: number | null;
  readonly most: number;
}

/** Nodes that are compared before the best of them is taken. */
const CANDIDATES = 32;
/** So little above the best there can be is good enough. */
const NEARLY = 1.05;
/** Sums of prices differ in their last bits. */
const SAME = 1e-9;
/** Options that the limits may refuse before the next node is looked at. */
const TRIES = 4;
/** A glance at what a node could grow to, beside a real check. */
const GLANCES = 8;

export function createPlacer(parts: PlacerParts): Placer {
  const { board, ranges, admission, purchases, openings, seek, work } = parts;
  const { width } = board.amounts;
  /** By face of a pool. */
  const rangeAt: (Range | undefined)[] = [];
  const optionAt: (Option | undefined)[] = [];
  for (const range of ranges.all)
    for (const option of range.options) {
      const face = board.faceOf(option.pool);
      rangeAt[face] = range;
      optionAt[face] = option;
    }

  const putOn = (bin: Bin, pod: PodInput): Bin => {
    board.put(bin, pod);
    return bin;
  };
  const couldHold = (bin: Bin, range: Range, { row }: Option, ask: Ask): boolean => {
    const { index, amount, nowhere } = ask;
    if (nowhere) return false;
    const at = bin.id * width;
    for (let each = 0; each < index.length; each++) {
      const name = index[each] as number;
      const most =
        (board.left[at + name] as number) - (row[name] as number) + (range.largest[name] as number);
      if ((amount[each] as number) > most) return false;
    }
    return true;
  };
  const contentOf = (bin: Bin, { row }: Option): Float64Array => {
    const at = bin.id * width;
    return row.map((has, name) => has - (board.left[at + name] ?? 0));
  };
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
  /** What the bin would cost more as the cheapest of its range that holds `needs`; infinite when none does. */
  const increase = (range: Range, now: Option, needs: Float64Array): number => {
    for (const option of range.options)
      if (option.cost >= now.cost && covers(option.row, needs)) return option.cost - now.cost;
    return Infinity;
  };
  /**
   * Of the opened nodes that can become one that holds the pod as well, the one that adds least a pod: for all `pods`
   * like it that may share it, as a new node would be counted. At most `most` a pod.
   */
  const stretch = (kind: PodKind, ask: Ask, pods: number, limits: Limits): Bin | null => {
    const { allowed, grade, most } = limits;
    const from = Math.max(board.fixed, seek.closedBefore(kind));
    const found: Growth[] = [];
    let at = from;
    for (; at < board.bins.length && found.length < CANDIDATES; at++) {
      const bin = board.bins[at] as Bin;
      const range = rangeAt[bin.face];
      const now = optionAt[bin.face];
      if (range === undefined || now === undefined || bin.notice !== null) continue;
      if (grade !== null && range.class !== grade) continue;
      if (!couldHold(bin, range, now, ask) || !allowed(range)) continue;
      work.use(1);
      if (admission.verdict(kind, bin) !== "fits") continue;
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
  };
  const growthOf = (bin: Bin, range: Range, now: Option, ask: Ask, pods: number): Growth => {
    const content = contentOf(bin, now);
    let count = pods;
    for (let each = 0; each < ask.index.length; each++) {
      const name = ask.index[each] as number;
      const room = (range.largest[name] as number) - (content[name] as number);
      count = Math.min(count, Math.floor(room / (ask.amount[each] as number)));
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
    seat: (pod) => {
      const bin = seek.first(board.kinds.of(pod));
      return bin === null ? null : putOn(bin, pod);
    },
    place: (pod, alike, allowed) => {
      const kind = board.kinds.of(pod);
      const seat = seek.first(kind);
      if (seat !== null) return putOn(seat, pod);
      const ask = board.amounts.askOf(kind);
      const option = openings.best(kind, alike, allowed);
      const pods = option === null ? 1 : Math.min(alike, perNode(kind, ask, option));
      const stretched = stretch(kind, ask, isAlone(kind) ? 1 : pods, {
        allowed,
        grade: option === null ? null : (ranges.of(option.pool)?.class ?? null),
        most: option === null ? Infinity : option.cost / pods,
      });
      if (stretched !== null) return putOn(stretched, pod);
      return option === null ? null : putOn(purchases.open(option, null), pod);
    },
    squeeze: (bin, pod) => {
      const kind = board.kinds.of(pod);
      const ask = board.amounts.askOf(kind);
      const range = rangeAt[bin.face];
      const now = optionAt[bin.face];
      if (range === undefined || now === undefined || bin.notice !== null) return null;
      if (!couldHold(bin, range, now, ask) || admission.verdict(kind, bin) !== "fits") return null;
      const needs = contentOf(bin, now);
      change(needs, 0, ask, 1);
      return fitTo(bin, range, now, needs, Infinity) ? putOn(bin, pod) : null;
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

function covers(row: Float64Array, needs: Float64Array): boolean {
  for (let name = 0; name < needs.length; name++)
    if ((needs[name] as number) > 0 && (needs[name] as number) > (row[name] as number)) return false;
  return true;
}

function fairPrice({ rates }: Range, { index, amount }: Ask): number {
  let price = 0;
  for (let each = 0; each < index.length; each++)
    price = Math.max(price, (rates[index[each] as number] as number) * (amount[each] as number));
  return price;
}

function byAdds(a: Growth, b: Growth): number {
  return a.adds - b.adds || a.bin.id - b.bin.id;
}
