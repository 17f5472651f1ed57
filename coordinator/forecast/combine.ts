// Puts the experts' forecasts together, each weighed by how much worse than the best it has been lately at this
// horizon. One that abstains has no part; one that was not judged for half a day has none while another was.

import type { Horizon } from "./model.ts";

const POWER = 8;
const LOSS_HALF_LIFE_DAYS = 2;
const JUDGED_DAYS = 0.5;

/** What of the old losses stays with each bin. `hasty`: after a break of the pattern. */
export function lossKeep(binsPerDay: number, hasty: boolean): number {
  return 0.5 ** (1 / (binsPerDay * (hasty ? LOSS_HALF_LIFE_DAYS / 4 : LOSS_HALF_LIFE_DAYS)));
}

/** Fills `weights` so that they come to 1; all 0 when nobody speaks. */
export function weigh(
  { loss, lossWeight }: Horizon,
  said: Float64Array,
  binsPerDay: number,
  weights: Float64Array,
): void {
  const needed = binsPerDay * JUDGED_DAYS;
  let best = Infinity;
  for (let at = 0; at < said.length; at++) {
    if (Number.isNaN(said[at]) || (lossWeight[at] ?? 0) < needed) continue;
    best = Math.min(best, (loss[at] ?? 0) / (lossWeight[at] ?? 1));
  }
  const anyJudged = best < Infinity;
  let total = 0;
  for (let at = 0; at < said.length; at++) {
    weights[at] = 0;
    if (Number.isNaN(said[at])) continue;
    if (!anyJudged) weights[at] = 1;
    else if ((lossWeight[at] ?? 0) >= needed)
      // A best one without any loss takes all, together with those that are as good.
      weights[at] = ((best + 1e-9) / ((loss[at] ?? 0) / (lossWeight[at] ?? 1) + 1e-9)) ** POWER;
    total += weights[at] ?? 0;
  }
  for (let at = 0; at < said.length; at++) weights[at] = total > 0 ? (weights[at] ?? 0) / total : 0;
}

const order: number[] = [];

/** The weighted median, so that the few who repeat a freak day are outvoted. NaN when nobody speaks. */
export function combined(said: Float64Array, weights: Float64Array): number {
  order.length = 0;
  for (let at = 0; at < said.length; at++) if ((weights[at] ?? 0) > 0) order.push(at);
  order.sort((a, b) => (said[a] ?? 0) - (said[b] ?? 0));
  let before = 0;
  let low = Number.NaN;
  for (const at of order) {
    const weight = weights[at] ?? 0;
    before += weight;
    if (before >= 0.5) return said[at] ?? Number.NaN;
    low = said[at] ?? Number.NaN;
  }
  return low;
}

/** `from` is the forecast's own part of the pending entry, one number an expert. */
export function judge({ loss, lossWeight }: Horizon, said: Float64Array, value: number, keep: number): void {
  for (let at = 0; at < said.length; at++) {
    const one = said[at] ?? Number.NaN;
    if (Number.isNaN(one)) continue;
    loss[at] = (loss[at] ?? 0) * keep + Math.abs(value - one);
    lossWeight[at] = (lossWeight[at] ?? 0) * keep + 1;
  }
}
