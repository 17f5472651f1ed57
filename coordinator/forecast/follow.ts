// The expert that goes on from the present level and follows what is usual from here on: how much of the usual change comes is
// learned for each horizon. Where the usual says nothing the share becomes 0, and it says "as now".

import { EXPERT } from "./expert-names.ts";
import type { Horizon } from "./model.ts";

const HALF_LIFE_DAYS = 7;
/** So that a load that never changes divides by no zero. */
const PRIOR = 1e-6;
const MOST = 1.25;

/** In `follow`: sums of change², and of change × what came. */
export function followed({ follow }: Horizon, said: Float64Array, usual: number): number {
  const now = said[EXPERT.last] ?? Number.NaN;
  const change = (said[EXPERT.profile] ?? Number.NaN) - usual;
  const [squares = 0, products = 0] = follow;
  const share = Math.min(MOST, Math.max(0, products / (squares + PRIOR)));
  const moved = now + share * change;
  return Number.isNaN(moved) ? Number.NaN : Math.max(0, moved);
}

/** `said` and `usual` as they were when the forecast was made. */
export function teachFollow(
  { follow }: Horizon,
  said: Float64Array,
  usual: number,
  { value, binsPerDay }: { readonly value: number; readonly binsPerDay: number },
): void {
  const now = said[EXPERT.last] ?? Number.NaN;
  const change = (said[EXPERT.profile] ?? Number.NaN) - usual;
  const came = value - now;
  if (Number.isNaN(change + came)) return;
  const keep = 0.5 ** (1 / (binsPerDay * HALF_LIFE_DAYS));
  follow[0] = (follow[0] ?? 0) * keep + change * change;
  follow[1] = (follow[1] ?? 0) * keep + change * came;
}
