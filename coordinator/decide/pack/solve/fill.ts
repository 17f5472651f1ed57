// What one empty node of a machine takes from the pods that are left. There are several styles, since none is the
// best for all mixes; each is a rule for which kind comes next.

import type { Part } from "./part.ts";

/**
 * `worth`: the kind that is worth most first, as many of it as fit. `importance`: in the caller's order.
 * `balance`: pod by pod the kind whose wants are most like the room that is left.
 */
export type Style = "worth" | "importance" | "balance";

const CANDIDATES_MAX = 192;

export interface Filling {
  readonly style: Style;
  /** Kinds in the order in which they are tried; those of which nothing is left are skipped. */
  order: Int32Array;
  /** By place in the order and resource: the least that this kind or a later one wants. */
  least: Float64Array;
  /** By kind: pods that the node which is being filled has; all 0 in between. */
  readonly inside: Int32Array;
  /** By kind: how many of the kinds on that node it has been found to go with. */
  readonly met: Int32Array;
}

export interface Content {
  readonly kinds: number[];
  readonly counts: number[];
}

export function fillingOf(part: Part, style: Style, worth: Float64Array): Filling {
  const order = Int32Array.from({ length: part.kinds }, (_, kind) => kind);
  if (style !== "importance") order.sort((a, b) => (worth[b] ?? 0) - (worth[a] ?? 0) || a - b);
  return {
    style,
    order,
    least: leastFrom(part, order),
    inside: new Int32Array(part.kinds),
    met: new Int32Array(part.kinds),
  };
}

/** Drops kinds of which nothing is left. */
export function compact(part: Part, filling: Filling, left: Int32Array): void {
  filling.order = filling.order.filter((kind) => (left[kind] ?? 0) > 0);
  filling.least = leastFrom(part, filling.order);
}

function leastFrom({ resources, wants }: Part, order: Int32Array): Float64Array {
  const least = new Float64Array(order.length * resources);
  for (let place = order.length - 1; place >= 0; place--) {
    const kind = order[place] ?? 0;
    for (let at = 0; at < resources; at++) {
      const own = wants[kind * resources + at] ?? 0;
      const later = place + 1 < order.length ? (least[(place + 1) * resources + at] ?? 0) : own;
      least[place * resources + at] = Math.min(own, later);
    }
  }
  return least;
}

/** Adds to `tests` how often it was asked whether something fits. */
export function fill(
  part: Part,
  filling: Filling,
  machine: number,
  left: Int32Array,
  tests: { count: number },
): Content {
  const free = part.has.slice(machine * part.resources, (machine + 1) * part.resources);
  return filling.style === "balance"
    ? fillBalanced(part, filling, machine, left, free, tests)
    : fillInOrder(part, filling, machine, left, free, tests);
}

function fillInOrder(
  part: Part,
  { order, least }: Filling,
  machine: number,
  left: Int32Array,
  free: Float64Array,
  tests: { count: number },
): Content {
  const { kinds, resources, wants, admits } = part;
  const content: Content = { kinds: [], counts: [] };
  const row = machine * kinds;
  for (let place = 0; place < order.length; place++) {
    const kind = order[place] ?? 0;
    tests.count++;
    if (admits[row + kind] !== 1 || left[kind] === 0) continue;
    let fits = true;
    for (let at = 0; at < resources; at++)
      if ((wants[kind * resources + at] ?? 0) > (free[at] ?? 0)) {
        fits = false;
        break;
      }
    if (!fits) {
      if (isFull(least, place, resources, free)) break;
      continue;
    }
    if (!mayJoin(part, content, kind, 0)) continue;
    const count = roomFor(part, kind, free, Math.min(left[kind] ?? 0, part.perNode[kind] ?? 0));
    take(part, free, kind, count);
    content.kinds.push(kind);
    content.counts.push(count);
  }
  return content;
}

function isFull(least: Float64Array, place: number, resources: number, free: Float64Array): boolean {
  for (let at = 0; at < resources; at++)
    if ((least[place * resources + at] ?? 0) > (free[at] ?? 0)) return true;
  return false;
}

function fillBalanced(
  part: Part,
  filling: Filling,
  machine: number,
  left: Int32Array,
  free: Float64Array,
  tests: { count: number },
): Content {
  const { resources, wants, has, perNode } = part;
  const { inside, met } = filling;
  const content: Content = { kinds: [], counts: [] };
  const open = candidates(part, filling, machine, left);
  for (const kind of open) met[kind] = 0;
  const weight = new Float64Array(resources);
  for (let opened = open.length; opened > 0;) {
    for (let at = 0; at < resources; at++) {
      const amount = has[machine * resources + at] ?? 0;
      weight[at] = amount > 0 ? (free[at] ?? 0) / (amount * amount) : 0;
    }
    tests.count += opened;
    // What does not fit now will not fit later.
    let kept = 0;
    let best = -1;
    let bestScore = -1;
    for (let place = 0; place < opened; place++) {
      const kind = open[place] ?? 0;
      let score = 0;
      let at = 0;
      for (; at < resources; at++) {
        const amount = wants[kind * resources + at] ?? 0;
        if (amount > (free[at] ?? 0)) break;
        score += amount * (weight[at] ?? 0);
      }
      if (at < resources) continue;
      const count = inside[kind] ?? 0;
      if (count >= (left[kind] ?? 0) || count >= (perNode[kind] ?? 0)) continue;
      if (count === 0 && !mayJoin(part, content, kind, met[kind] ?? 0)) continue;
      met[kind] = content.kinds.length;
      open[kept++] = kind;
      if (score <= bestScore) continue;
      best = kind;
      bestScore = score;
    }
    opened = kept;
    if (best === -1) break;
    if (inside[best] === 0) content.kinds.push(best);
    // A quarter of what would fit at a time: nodes of hundreds of pods need not be filled one by one.
    const most = Math.min(left[best] ?? 0, perNode[best] ?? 0) - (inside[best] ?? 0);
    const count = Math.ceil(roomFor(part, best, free, most) / 4);
    take(part, free, best, count);
    inside[best] = (inside[best] ?? 0) + count;
  }
  for (const kind of content.kinds) {
    content.counts.push(inside[kind] ?? 0);
    inside[kind] = 0;
  }
  return content;
}

/** Kinds that may come onto the machine: of very many an even sample, since many of them are much alike. */
function candidates(
  { kinds, admits }: Part,
  { order }: Filling,
  machine: number,
  left: Int32Array,
): Int32Array {
  const open = new Int32Array(order.length);
  let found = 0;
  for (let place = 0; place < order.length; place++) {
    const kind = order[place] ?? 0;
    if (admits[machine * kinds + kind] === 1 && (left[kind] ?? 0) > 0) open[found++] = kind;
  }
  const step = Math.ceil(found / CANDIDATES_MAX);
  if (step <= 1) return open.subarray(0, found);
  let kept = 0;
  for (let place = 0; place < found; place += step) open[kept++] = open[place] ?? 0;
  return open.subarray(0, kept);
}

/** Whether the kind goes with what the node has, its first `met` kinds left out. */
function mayJoin({ clash }: Part, { kinds }: Content, kind: number, met: number): boolean {
  if (clash === null) return true;
  for (let at = met; at < kinds.length; at++) if (clash(kinds[at] ?? 0, kind)) return false;
  return true;
}

function roomFor({ resources, wants }: Part, kind: number, free: Float64Array, most: number): number {
  let room = most;
  for (let at = 0; at < resources; at++) {
    const amount = wants[kind * resources + at] ?? 0;
    if (amount > 0) room = Math.min(room, Math.floor((free[at] ?? 0) / amount));
  }
  return room;
}

function take({ resources, wants }: Part, free: Float64Array, kind: number, count: number): void {
  for (let at = 0; at < resources; at++)
    free[at] = (free[at] ?? 0) - count * (wants[kind * resources + at] ?? 0);
}
