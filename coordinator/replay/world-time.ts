// The world's order of events: a queue by instant, first in first out among equals, so that the same inputs
// give the same run. Instants become text as the API writes them, in whole seconds.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";

/** An instant as `metav1.Time` is written: RFC 3339, whole seconds, rounded down. */
export function timestamp(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

interface Entry {
  readonly at: EpochMs;
  readonly order: number;
  readonly run: () => void;
}

export interface EventQueue {
  add(at: EpochMs, run: () => void): void;
  nextAt(): EpochMs | null;
  /** Removes and returns the earliest action that is due at `now`; null when none is. */
  takeDue(now: EpochMs): (() => void) | null;
}

/** A binary heap: the world of a month holds hundreds of thousands of events. */
export function createEventQueue(): EventQueue {
  const heap: Entry[] = [];
  let added = 0;

  return {
    add: (at, run) => {
      added += 1;
      heap.push({ at: epochMs(at), order: added, run });
      rise(heap);
    },
    nextAt: () => heap[0]?.at ?? null,
    takeDue: (now) => {
      const first = heap[0];
      if (first === undefined || first.at > now) return null;
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) {
        heap[0] = last;
        sink(heap);
      }
      return first.run;
    },
  };
}

function before(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function rise(heap: Entry[]): void {
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!swapUnlessOrdered(heap, parent, at)) return;
    at = parent;
  }
}

function sink(heap: Entry[]): void {
  let at = 0;
  for (;;) {
    const child = earlierChild(heap, at);
    if (child === null || !swapUnlessOrdered(heap, at, child)) return;
    at = child;
  }
}

function earlierChild(heap: readonly Entry[], at: number): number | null {
  const left = heap[2 * at + 1];
  const right = heap[2 * at + 2];
  if (left === undefined) return null;
  return right !== undefined && before(right, left) ? 2 * at + 2 : 2 * at + 1;
}

/** True when the two had to change places. */
function swapUnlessOrdered(heap: Entry[], upper: number, lower: number): boolean {
  const above = heap[upper];
  const below = heap[lower];
  if (above === undefined || below === undefined || before(above, below)) return false;
  heap[upper] = below;
  heap[lower] = above;
  return true;
}
