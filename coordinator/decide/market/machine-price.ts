// What one machine costs an hour at its place and in its tier: the newest reading of a price source, then the catalogue.
// Unknown is a value with its reason and stays one; nothing is taken over from another region, tier or machine. What a
// policy says of its pools is asked elsewhere (price.ts).

import { listPriceOf } from "../../../shared/model/instance-types.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import { compareText, firstDifference } from "../order.ts";
import type { PricePoint } from "../snapshot.ts";
import type { Price } from "./market.ts";

export interface Offering {
  readonly provider: string;
  readonly region: string;
  /** Null: not known, so any zone of the region. */
  readonly zone: string | null;
  readonly instanceType: string;
  readonly tier: CapacityType;
}

/**
 * Each question is answered once, since a fleet asks the same for each of its nodes. `list`: who is asked where no point
 * speaks; left out: the catalogue.
 */
export function machinePrices(
  prices: readonly PricePoint[] = [],
  list: typeof listPriceOf = listPriceOf,
): (offering: Offering) => Price {
  const points = Map.groupBy(prices.filter(isUsable), offeringOf);
  const asked = new Map<string, Price>();
  return (offering) => {
    const { provider, region, zone, instanceType, tier } = offering;
    const key = JSON.stringify([provider, region, zone, instanceType, tier]);
    const known = asked.get(key);
    if (known !== undefined) return known;
    const price =
      newest(points.get(offeringOf(offering)) ?? [], zone) ?? list(provider, region, instanceType, tier);
    asked.set(key, price);
    return price;
  };
}

function offeringOf({ provider, region, instanceType, tier }: Omit<Offering, "zone">): string {
  return JSON.stringify([provider, region, instanceType, tier]);
}

/**
 * The newest of what sources have read for the zone, or for the whole region where none speaks of the zone. Without
 * a zone the dearest of the region's zones counts, for the same reason as below.
 */
function newest(points: readonly PricePoint[], zone: string | null): Price | null {
  const latest = [...Map.groupBy(points, (point) => point.zone ?? null)].flatMap(([place, own]) => {
    const [first] = own.toSorted((a, b) =>
      firstDifference(b.at - a.at, b.usdPerHour - a.usdPerHour, compareText(a.source, b.source)),
    );
    return first === undefined ? [] : [{ place, point: first }];
  });
  const inZone = latest.filter(({ place }) => place === zone);
  const found = inZone.length > 0 ? inZone : latest.filter(({ place }) => zone === null || place === null);
  if (found.length === 0) return null;
  return dearest(
    found.map(({ point: { usdPerHour, source, at } }) => ({ kind: "known", usdPerHour, source, at })),
  );
}

/**
 * Of several machines or zones the group may bring any, so the dearest counts: a limit then holds whichever comes,
 * and the bill is at most what was said. One that is not known makes the whole unknown, since it may be the one.
 */
export function dearest(prices: readonly Price[]): Price {
  const missing = prices.find((price) => price.kind === "unknown");
  if (missing !== undefined) return { kind: "unknown", because: `${missing.because}: ${SET_PRICE}` };
  const [first] = prices
    .filter((price) => price.kind === "known")
    .toSorted((a, b) =>
      firstDifference(
        b.usdPerHour - a.usdPerHour,
        (b.at ?? 0) - (a.at ?? 0),
        compareText(a.source, b.source),
      ),
    );
  return first ?? { kind: "unknown", because: `nobody says: ${SET_TYPE}` };
}

export const SET_TYPE = "set nodePools[].instanceTypes, or nodePools[].price.usdPerHour";
const SET_PRICE = "set nodePools[].price.usdPerHour";

/** A source that reads nonsense has read nothing. */
function isUsable({ usdPerHour, at }: PricePoint): boolean {
  return Number.isFinite(usdPerHour) && usdPerHour >= 0 && Number.isFinite(at);
}
