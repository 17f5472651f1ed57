// What a pod of each kind is worth: the largest prices found such that no machine, however it is filled, holds more
// worth than it costs. Their sum over all pods is therefore a cost that no way to place them goes below; and a node
// whose pods are worth nearly what it costs is a good one. (They are a solution, rarely the best, of the linear
// dual of the packing problem: each machine spreads its cost over its resources, and a pod is worth what its
// resources cost where they cost least.)

import type { Part } from "./part.ts";

const ROUNDS_MAX = 40;
const ROUNDS_MIN = 4;
/** So many pairs of kind and machine are looked at in all; many small rounds are better than few. */
const PAIRS_MAX = 6_000_000;
const FIRST_STEP = 1.2;
/** How much of the best simple shares the search begins with; the rest is even, so that none begins at nothing. */
const BLEND = 0.6;

/** Costs at which cheaper, then fewer GPUs, then fewer nodes are one number. */
export function combinedCost(part: Part): Float64Array {
  const { cost, gpus } = part;
  const mean = cost.length === 0 ? 0 : cost.reduce((sum, one) => sum + one, 0) / cost.length;
  const unit = mean > 0 ? mean : 1;
  return cost.map((one, machine) => one + unit * (1e-4 * (gpus[machine] ?? 0) + 1e-6));
}

/** What scores are made of: the worth of kinds and the cost of machines, which is above 0. */
export interface Measure {
  readonly worth: Float64Array;
  readonly cost: Float64Array;
}

export interface Worth {
  /** By kind, at the costs that were given. */
  readonly worth: Float64Array;
  /** By kind, at the costs of the part: what a bound is made of. */
  readonly floor: Float64Array;
  readonly units: number;
}

export function worthOf(part: Part, cost: Float64Array): Worth {
  const { kinds, machines, resources, counts } = part;
  const worth = new Float64Array(kinds);
  const chosen = new Int32Array(kinds);
  const even = sharesOf(part, null);
  let best = { sum: -1, worth, shares: even };
  const attempt = (shares: Float64Array): void => {
    evaluate(part, cost, shares, worth, chosen);
    let sum = 0;
    for (let kind = 0; kind < kinds; kind++) sum += (counts[kind] ?? 0) * (worth[kind] ?? 0);
    if (sum > best.sum) best = { sum, worth: worth.slice(), shares: shares.slice() };
  };
  attempt(even);
  // All on one resource is the best there is where that one is all that runs short.
  for (let at = 0; at < resources; at++) attempt(sharesOf(part, at));
  const shares = best.shares.map((share, at) => BLEND * share + (1 - BLEND) * (even[at] ?? 0));
  const pairs = Math.max(1, kinds * machines);
  const rounds = Math.max(ROUNDS_MIN, Math.min(ROUNDS_MAX, Math.floor(PAIRS_MAX / pairs)));
  for (let round = 0; round < rounds; round++) {
    attempt(shares);
    shift(part, shares, chosen, FIRST_STEP / Math.sqrt(1 + round));
  }
  const floor = new Float64Array(kinds);
  evaluate(part, part.cost, best.shares, floor, chosen);
  return { worth: best.worth, floor, units: (rounds + resources + 2) * pairs };
}

/** At the costs of `part`; a single kind's own count of nodes may say more. */
export function boundOf(part: Part, floor: Float64Array, placed: Int32Array): number {
  let sum = 0;
  for (let kind = 0; kind < part.kinds; kind++) sum += (placed[kind] ?? 0) * (floor[kind] ?? 0);
  for (let kind = 0; kind < part.kinds; kind++)
    sum = Math.max(sum, boundOfKind(part, kind, placed[kind] ?? 0));
  // Every cost is a sum of whole ticks with this divisor. The hair below is what floating point may have added.
  const divisor = part.cost.reduce(greatestDivisor, 0);
  return divisor === 0 ? 0 : Math.ceil((sum * (1 - 1e-9)) / divisor) * divisor;
}

/** No node costs less a pod than the machine that holds most of this kind for its cost. */
function boundOfKind(part: Part, kind: number, pods: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let machine = 0; machine < part.machines; machine++) {
    if (part.admits[machine * part.kinds + kind] !== 1) continue;
    let room = Math.max(1, Math.min(part.perNode[kind] ?? 0, pods));
    for (let at = 0; at < part.resources; at++) {
      const amount = part.wants[kind * part.resources + at] ?? 0;
      if (amount > 0)
        room = Math.min(room, Math.floor((part.has[machine * part.resources + at] ?? 0) / amount));
    }
    least = Math.min(least, (part.cost[machine] ?? 0) / room);
  }
  return pods === 0 || least === Number.POSITIVE_INFINITY ? 0 : least * pods;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Each machine's cost on the one resource, or in equal shares on all that it has and somebody wants. */
function sharesOf({ machines, resources, has, kinds, wants }: Part, alone: number | null): Float64Array {
  const shares = new Float64Array(machines * resources);
  const wanted = new Uint8Array(resources);
  for (let kind = 0; kind < kinds; kind++)
    for (let at = 0; at < resources; at++) if ((wants[kind * resources + at] ?? 0) > 0) wanted[at] = 1;
  for (let row = 0; row < machines * resources; row += resources) {
    if (alone !== null && (has[row + alone] ?? 0) > 0) {
      shares[row + alone] = 1;
      continue;
    }
    let some = 0;
    for (let at = 0; at < resources; at++) if (wanted[at] === 1 && (has[row + at] ?? 0) > 0) some++;
    for (let at = 0; at < resources; at++)
      if (wanted[at] === 1 && (has[row + at] ?? 0) > 0) shares[row + at] = 1 / some;
  }
  return shares;
}

/** What each kind is worth when machines spread their cost like this, and on which machine it costs that. */
function evaluate(
  { kinds, machines, resources, wants, has, admits }: Part,
  cost: Float64Array,
  shares: Float64Array,
  worth: Float64Array,
  chosen: Int32Array,
): void {
  worth.fill(Number.POSITIVE_INFINITY);
  const price = new Float64Array(resources);
  for (let machine = 0; machine < machines; machine++) {
    for (let at = 0; at < resources; at++) {
      const amount = has[machine * resources + at] ?? 0;
      price[at] = amount > 0 ? ((cost[machine] ?? 0) * (shares[machine * resources + at] ?? 0)) / amount : 0;
    }
    for (let kind = 0; kind < kinds; kind++) {
      if (admits[machine * kinds + kind] !== 1) continue;
      let sum = 0;
      for (let at = 0; at < resources; at++) sum += (price[at] ?? 0) * (wants[kind * resources + at] ?? 0);
      if (sum >= (worth[kind] ?? 0)) continue;
      worth[kind] = sum;
      chosen[kind] = machine;
    }
  }
}

/** Where pods would go, a machine puts more of its cost on the resource of which they would use most. */
function shift(part: Part, shares: Float64Array, chosen: Int32Array, step: number): void {
  const { kinds, machines, resources, wants, has, counts } = part;
  const use = new Float64Array(machines * resources);
  for (let kind = 0; kind < kinds; kind++) {
    const machine = chosen[kind] ?? 0;
    for (let at = 0; at < resources; at++) {
      const amount = has[machine * resources + at] ?? 0;
      if (amount > 0)
        use[machine * resources + at] =
          (use[machine * resources + at] ?? 0) +
          ((counts[kind] ?? 0) * (wants[kind * resources + at] ?? 0)) / amount;
    }
  }
  for (let row = 0; row < machines * resources; row += resources) {
    let most = 0;
    for (let at = row; at < row + resources; at++) most = Math.max(most, use[at] ?? 0);
    if (most === 0) continue;
    let sum = 0;
    for (let at = row; at < row + resources; at++) {
      shares[at] = (shares[at] ?? 0) * Math.exp(step * ((use[at] ?? 0) / most - 1));
      sum += shares[at] ?? 0;
    }
    for (let at = row; at < row + resources; at++) shares[at] = (shares[at] ?? 0) / sum;
  }
}
