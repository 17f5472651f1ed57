// All ways to take some of the pods of a small part, numbered, and for each the cheapest machine that holds just
// these. A number is written in mixed radix with a digit for each kind, the most important first, so that taking pods
// away is subtracting numbers, and the largest number has most of what matters most.

import type { Part } from "./part.ts";

export interface States {
  readonly count: number;
  /** What one pod of a kind adds to a number. */
  readonly stride: Int32Array;
  readonly digits: (state: number, into: Int32Array) => void;
  /** Pairs of a set and one that it contains: how much a search over all of them has to do. */
  readonly pairs: number;
}

export function statesOf({ counts, kinds }: Part): States {
  const stride = new Int32Array(kinds);
  let count = 1;
  for (let kind = kinds - 1; kind >= 0; kind--) {
    stride[kind] = count;
    count *= (counts[kind] ?? 0) + 1;
  }
  return {
    count,
    stride,
    digits: (state, into) => {
      let left = state;
      for (let kind = 0; kind < kinds; kind++) {
        const step = stride[kind] ?? 1;
        into[kind] = Math.floor(left / step);
        left %= step;
      }
    },
    pairs: pairsOf(counts),
  };
}

export function pairsOf(counts: Int32Array): number {
  let pairs = 1;
  for (const count of counts) pairs *= ((count + 1) * (count + 2)) / 2;
  return pairs;
}

/** By set of pods: the first machine that holds them, which is the cheapest; `machines` where none does. */
export function cheapest(part: Part, states: States): Int32Array {
  const { kinds, machines } = part;
  const first = new Int32Array(states.count);
  const digits = new Int32Array(kinds);
  for (let state = 1; state < states.count; state++) {
    states.digits(state, digits);
    // What does not hold a part of them does not hold them.
    let machine = 0;
    for (let kind = 0; kind < kinds; kind++)
      if ((digits[kind] ?? 0) > 0)
        machine = Math.max(machine, first[state - (states.stride[kind] ?? 0)] ?? 0);
    if (machine < machines && !mayShare(part, digits)) machine = machines;
    while (machine < machines && !holds(part, machine, digits)) machine++;
    first[state] = machine;
  }
  return first;
}

/** Whether one machine holds so many of each kind, as far as room and permission go. */
export function holds(part: Part, machine: number, digits: Int32Array): boolean {
  const { kinds, resources, admits, wants, has } = part;
  for (let kind = 0; kind < kinds; kind++)
    if ((digits[kind] ?? 0) > 0 && admits[machine * kinds + kind] !== 1) return false;
  for (let at = 0; at < resources; at++) {
    let sum = 0;
    for (let kind = 0; kind < kinds; kind++) sum += (digits[kind] ?? 0) * (wants[kind * resources + at] ?? 0);
    if (sum > (has[machine * resources + at] ?? 0)) return false;
  }
  return true;
}

function mayShare({ kinds, perNode, clash }: Part, digits: Int32Array): boolean {
  for (let kind = 0; kind < kinds; kind++) {
    if ((digits[kind] ?? 0) > (perNode[kind] ?? 0)) return false;
    if (clash === null || digits[kind] === 0) continue;
    for (let other = 0; other < kind; other++)
      if ((digits[other] ?? 0) > 0 && clash(other, kind)) return false;
  }
  return true;
}
