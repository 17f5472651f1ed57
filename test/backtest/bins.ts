// Demand as a forecast is told it: the mean of each five minutes, made of the steps that a demand is given in. It knows nothing
// of what a forecast does with them.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";

export const BIN_MS = 300_000;

export interface Bin {
  /** Its start, a multiple of its length. */
  readonly at: EpochMs;
  readonly gpus: number;
}

/** Of steps in the order of time, all bins that lie between the first of them and `until`, in ms since 1970. */
export function binsOf(
  steps: readonly { readonly atMs: number; readonly gpus: number }[],
  until: number,
): readonly Bin[] {
  const [first] = steps;
  if (first === undefined) return [];
  const bins: Bin[] = [];
  let at = 0;
  for (let from = Math.ceil(first.atMs / BIN_MS) * BIN_MS; from + BIN_MS <= until; from += BIN_MS) {
    let area = 0;
    while (at + 1 < steps.length && (steps[at + 1]?.atMs ?? 0) <= from) at += 1;
    for (let step = at; step < steps.length; step++) {
      const { atMs, gpus } = steps[step] ?? first;
      if (atMs >= from + BIN_MS) break;
      const ends = Math.min(from + BIN_MS, steps[step + 1]?.atMs ?? Infinity);
      area += gpus * Math.max(0, ends - Math.max(from, atMs));
    }
    bins.push({ at: epochMs(from), gpus: area / BIN_MS });
  }
  return bins;
}
