// The best way to place any number of pods of one kind, proven: machines differ only in how many they hold, so it is
// a coin problem. Fifty thousand equal pods are no harder than fifty.

import { draftOf, keepsLimits, merged } from "./draft.ts";
import type { Draft, Row } from "./draft.ts";
import type { Part } from "./part.ts";
import { spend } from "./work.ts";
import type { Work } from "./work.ts";

/** Null when the part has several kinds, when a limit on machines binds, or when the work does not reach. */
export function single(part: Part, work: Work): Draft | null {
  if (part.kinds !== 1) return null;
  const pods = part.counts[0] ?? 0;
  const coins = coinsOf(part);
  if (!spend(work, (pods + 1) * coins.length)) return null;
  const cost = new Float64Array(pods + 1);
  const gpus = new Float64Array(pods + 1);
  const nodes = new Float64Array(pods + 1);
  const last = new Int32Array(pods + 1);
  for (let left = 1; left <= pods; left++) {
    cost[left] = Number.POSITIVE_INFINITY;
    for (const [index, { machine, holds }] of coins.entries()) {
      const before = Math.max(0, left - holds);
      const difference =
        (cost[before] ?? 0) + (part.cost[machine] ?? 0) - (cost[left] ?? 0) ||
        (gpus[before] ?? 0) + (part.gpus[machine] ?? 0) - (gpus[left] ?? 0) ||
        (nodes[before] ?? 0) + 1 - (nodes[left] ?? 0);
      if (!(difference < 0)) continue;
      cost[left] = (cost[before] ?? 0) + (part.cost[machine] ?? 0);
      gpus[left] = (gpus[before] ?? 0) + (part.gpus[machine] ?? 0);
      nodes[left] = (nodes[before] ?? 0) + 1;
      last[left] = index;
    }
  }
  const rows: Row[] = [];
  for (let left = pods; left > 0;) {
    const coin = coins[last[left] ?? 0];
    if (coin === undefined) return null;
    rows.push({ machine: coin.machine, kinds: [0], counts: [Math.min(coin.holds, left)], nodes: 1 });
    left -= coin.holds;
  }
  const whole = merged(rows);
  return keepsLimits(part, whole) ? draftOf(part, whole) : null;
}

/** Machines come from cheap to dear: a dearer one is of use only when it holds more. */
function coinsOf(part: Part): { readonly machine: number; readonly holds: number }[] {
  const coins: { readonly machine: number; readonly holds: number }[] = [];
  let largest = 0;
  for (let machine = 0; machine < part.machines; machine++) {
    const holds = part.admits[machine] === 1 ? roomFor(part, machine) : 0;
    if (holds <= largest) continue;
    largest = holds;
    coins.push({ machine, holds });
  }
  return coins;
}

function roomFor({ counts, perNode, wants, has, resources }: Part, machine: number): number {
  let room = Math.min(counts[0] ?? 0, perNode[0] ?? 0);
  for (let at = 0; at < resources; at++) {
    const amount = wants[at] ?? 0;
    if (amount > 0) room = Math.min(room, Math.floor((has[machine * resources + at] ?? 0) / amount));
  }
  return room;
}
