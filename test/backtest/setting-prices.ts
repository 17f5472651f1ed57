// Prices of one setting: of each zone's spot as it changes in the window, on demand and reserved as they stood when the capacity
// was traced. What nobody knows is the plan's stated figure, and is named; it is never taken for zero.

import type { PricePoint } from "../../coordinator/decide/snapshot.ts";
import { listPriceOf } from "../../shared/model/instance-types.ts";
import { epochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { windowOf } from "./capacities.ts";
import type { ZoneTrace } from "./capacities.ts";
import type { Material } from "./setting.ts";

/** Of each zone's spot as it changes; on demand and reserved by region, as they were when the capacity was traced. */
export function pricesOf(
  material: Material,
  { start, fromMs, toMs }: PriceWindow,
  notes: string[],
): readonly PricePoint[] {
  const { onDemand, plan, capacity, capacityPlan } = material;
  const points: PricePoint[] = [];
  for (const trace of capacity.zones) {
    const { provider, region, zone, instanceType, id } = trace;
    const place = { provider, region, instanceType };
    const { usdPerHour, note } = onDemand(trace);
    if (note !== undefined) notes.push(note);
    const always = { ...place, source: "backtest", at: epochMs(start) };
    points.push({ ...always, tier: "on-demand", usdPerHour });
    const reserved = listPriceOf(provider, region, instanceType, "reserved");
    if (reserved.kind === "unknown")
      notes.push(
        `${instanceType}: the catalogue has no one-year price; ${plan.reservedShare} of on-demand is taken`,
      );
    points.push({ ...always, tier: "reserved", usdPerHour: usdPerHour * plan.reservedShare });
    for (const { atMs, usdPerHour: usd } of spotOf(trace, fromMs, toMs)) {
      const known = usd ?? capacityPlan.unknownSpotUsd ?? null;
      if (known === null)
        throw new AppError(
          "bad-input",
          `${id}: its spot price is not known at ${atMs / 1000} s of the window: set capacities[].unknownSpotUsd`,
        );
      if (usd === null) notes.push(`${id}: while the price file has none, ${known} USD an hour are taken`);
      points.push({
        ...place,
        zone,
        tier: "spot",
        usdPerHour: known,
        source: "backtest",
        at: epochMs(start + atMs),
      });
    }
  }
  return points.toSorted((a, b) => a.at - b.at);
}

interface PriceWindow {
  readonly start: number;
  readonly fromMs: number;
  readonly toMs: number;
}

function spotOf({ prices, provider, region, instanceType, id }: ZoneTrace, fromMs: number, toMs: number) {
  if (prices !== null) {
    const own = windowOf(prices, fromMs, toMs);
    return own[0]?.atMs === 0 ? own : [{ atMs: 0, usdPerHour: null }, ...own];
  }
  const list = listPriceOf(provider, region, instanceType, "spot");
  if (list.kind === "unknown")
    throw new AppError(
      "bad-input",
      `${id}: neither the folder nor the catalogue has a spot price: ${list.because}`,
    );
  return [{ atMs: 0, usdPerHour: list.usdPerHour }];
}
