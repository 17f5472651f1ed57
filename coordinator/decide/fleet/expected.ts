// What a forecast expects, by the pools that can serve it: GPUs of one kind do nothing for work that wants another. What
// follows from it is for growth and for removals.

import type { ForecastInput, ForecastPart } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";

export interface PartOfPools {
  readonly expected: ForecastPart;
  readonly pools: readonly PoolState[];
}

/** `pools`: those of one policy. Empty where there is no forecast. */
export function partsOf(forecast: ForecastInput | null, pools: readonly PoolState[]): readonly PartOfPools[] {
  if (forecast === null) return [];
  const { parts } = forecast;
  if (parts === undefined) return [{ expected: forecast, pools }];
  return parts.map((expected) => ({
    expected,
    pools: pools.filter(({ name }) => expected.pools.includes(name)),
  }));
}
