// Machine by machine, each time the one whose filling is worth most for its cost, and as many of it in one step as
// there are pods to fill it with. What a machine promised before is trusted until its turn comes and only then worked
// out anew, since what is left only shrinks; so hundreds of machines cost little more than a few.

import { draftOf, merged } from "./draft.ts";
import type { Draft, Row } from "./draft.ts";
import { compact, fill, fillingOf } from "./fill.ts";
import type { Content, Style } from "./fill.ts";
import type { Part } from "./part.ts";
import { spend } from "./work.ts";
import type { Work } from "./work.ts";
import type { Measure } from "./worth.ts";

/** Not the least number there is: divided by a cost it has to stay above 0. */
const LEAST_SCORE = 1e-200;

export interface Manner {
  readonly style: Style;
  /** Scores of these machines count so many times; null: all count once. */
  readonly favour: ((machine: number) => number) | null;
}

interface Offer {
  /** Null before its first turn. */
  content: Content | null;
  score: number;
}

/** Null when the work does not reach. */
export function greedily(part: Part, manner: Manner, { worth, cost }: Measure, work: Work): Draft | null {
  const left = part.counts.slice();
  const nodesLeft = part.most.slice();
  const filling = fillingOf(part, manner.style, worth);
  const tests = { count: 0 };
  const offers = Array.from({ length: part.machines }, (): Offer => ({
    content: null,
    score: Number.POSITIVE_INFINITY,
  }));
  const rows: Row[] = [];
  let exhausted = 0;
  for (;;) {
    const machine = highest(offers, nodesLeft);
    const offer = offers[machine];
    if (offer === undefined) break;
    if (offer.content === null || timesThere(offer.content, left) === 0) {
      tests.count = 1;
      offer.content = fill(part, filling, machine, left, tests);
      offer.score = (scoreOf(offer.content, worth) / (cost[machine] ?? 1)) * (manner.favour?.(machine) ?? 1);
      if (!spend(work, tests.count)) return null;
      continue;
    }
    const nodes = Math.min(timesThere(offer.content, left), nodesLeft[machine] ?? 0);
    nodesLeft[machine] = (nodesLeft[machine] ?? 0) - nodes;
    rows.push({ machine, kinds: offer.content.kinds, counts: offer.content.counts, nodes });
    exhausted += take(offer.content, left, nodes);
    if (exhausted * 2 > filling.order.length) {
      compact(part, filling, left);
      exhausted = 0;
    }
  }
  return draftOf(part, merged(rows));
}

/** -1 when no machine has anything to offer. */
function highest(offers: readonly Offer[], nodesLeft: Int32Array): number {
  let best = -1;
  let bestScore = 0;
  for (let machine = 0; machine < offers.length; machine++) {
    const score = offers[machine]?.score ?? 0;
    if (score <= bestScore || nodesLeft[machine] === 0) continue;
    best = machine;
    bestScore = score;
  }
  return best;
}

/** Above 0 for whatever holds a pod, also one that asks for nothing and is worth nothing. */
function scoreOf({ kinds, counts }: Content, worth: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < kinds.length; at++) sum += (worth[kinds[at] ?? 0] ?? 0) * (counts[at] ?? 0);
  return kinds.length === 0 ? 0 : Math.max(sum, LEAST_SCORE);
}

/** How many nodes can be filled like this with what is left. */
function timesThere({ kinds, counts }: Content, left: Int32Array): number {
  let times = kinds.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  for (let at = 0; at < kinds.length; at++)
    times = Math.min(times, Math.floor((left[kinds[at] ?? 0] ?? 0) / (counts[at] ?? 1)));
  return times;
}

/** How many kinds are gone with it. */
function take({ kinds, counts }: Content, left: Int32Array, nodes: number): number {
  let gone = 0;
  for (let at = 0; at < kinds.length; at++) {
    const kind = kinds[at] ?? 0;
    left[kind] = (left[kind] ?? 0) - nodes * (counts[at] ?? 0);
    if (left[kind] === 0) gone++;
  }
  return gone;
}
