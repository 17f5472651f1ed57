// A sum of money over time that says how much of the time it does not know: USD of the machine-hours with a price, and
// the machine-hours without one beside it. Nothing is filled in, so an unknown price never looks like a free machine.

import type { Charge } from "./charge.ts";
import { MS_PER_HOUR } from "./month.ts";

export interface Tally {
  /** What the machine-hours of known price cost. */
  readonly usd: number;
  /** All of them, of known price or not. */
  readonly nodeHours: number;
  /** Those of `nodeHours` of which nobody knows the price. */
  readonly unknownNodeHours: number;
  /** The on-demand price of the same hours, of those where it is known. */
  readonly onDemandUsd: number;
  readonly onDemandUnknownNodeHours: number;
  /** Of the hours where both prices are known: what they cost, and what they would have on demand. */
  readonly comparedUsd: number;
  readonly comparedOnDemandUsd: number;
}

export const TALLY_FIELDS = [
  "usd",
  "nodeHours",
  "unknownNodeHours",
  "onDemandUsd",
  "onDemandUnknownNodeHours",
  "comparedUsd",
  "comparedOnDemandUsd",
] as const satisfies readonly (keyof Tally)[];

export const NO_TALLY: Tally = {
  usd: 0,
  nodeHours: 0,
  unknownNodeHours: 0,
  onDemandUsd: 0,
  onDemandUnknownNodeHours: 0,
  comparedUsd: 0,
  comparedOnDemandUsd: 0,
};

/** Below zero: the hours cost more than on demand. */
export function savedUsd({ comparedUsd, comparedOnDemandUsd }: Tally): number {
  return comparedOnDemandUsd - comparedUsd;
}

/** Of the on-demand price of the same hours, 0..1. Null: no hour with both prices. */
export function savedShare(tally: Tally): number | null {
  return tally.comparedOnDemandUsd > 0 ? savedUsd(tally) / tally.comparedOnDemandUsd : null;
}

/** Collects without losing cents: a month has millions of small steps. */
export interface Sums {
  add(charge: Charge, ms: number): void;
  /** What was counted elsewhere, or before. */
  take(tally: Tally): void;
  read(): Tally;
}

export function createSums(): Sums {
  const sums = TALLY_FIELDS.map(() => ({ sum: 0, rest: 0 }));

  function plus(index: number, value: number): void {
    const entry = sums[index];
    if (entry === undefined || value === 0) return;
    // What the larger of both loses of the smaller is kept beside the sum (after Neumaier).
    const next = entry.sum + value;
    entry.rest +=
      Math.abs(entry.sum) >= Math.abs(value) ? entry.sum - next + value : value - next + entry.sum;
    entry.sum = next;
  }

  return {
    add: ({ nodes, usdPerHour, onDemandUsdPerHour }, ms) => {
      const hours = (nodes * ms) / MS_PER_HOUR;
      plus(1, hours);
      if (usdPerHour === null) plus(2, hours);
      else plus(0, usdPerHour * hours);
      if (onDemandUsdPerHour === null) plus(4, hours);
      else plus(3, onDemandUsdPerHour * hours);
      if (usdPerHour === null || onDemandUsdPerHour === null) return;
      plus(5, usdPerHour * hours);
      plus(6, onDemandUsdPerHour * hours);
    },
    take: (tally) => {
      for (const [index, field] of TALLY_FIELDS.entries()) plus(index, tally[field]);
    },
    read: () => {
      const [a, b, c, d, e, f, g] = sums.map(({ sum, rest }) => sum + rest);
      return {
        usd: a ?? 0,
        nodeHours: b ?? 0,
        unknownNodeHours: c ?? 0,
        onDemandUsd: d ?? 0,
        onDemandUnknownNodeHours: e ?? 0,
        comparedUsd: f ?? 0,
        comparedOnDemandUsd: g ?? 0,
      };
    },
  };
}
