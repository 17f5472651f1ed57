// What a node costs an hour and who says so: the policy first, then the newest reading of a price source, then the
// catalogue. Unknown is a value with its reason and stays one in every sum; nothing is taken over from another
// region, tier or machine. What a price is used for, rank or limit, is for others.

import { listPriceOf } from "../../../shared/model/instance-types.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { capacityTypeOf } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { typesOf } from "../fleet/offering.ts";
import { regionOf, regionOfLabels } from "../fleet/region.ts";
import type { NodeState } from "../fleet/standing.ts";
import { compareText, firstDifference } from "../order.ts";
import type { PricePoint } from "../snapshot.ts";
import type { Price } from "./market.ts";

/** Each question is answered once for a decision, since a fleet asks the same for each of its nodes. */
export interface PriceBook {
  /** Of one more node of the pool. */
  priceOf(pool: PoolState, tier: CapacityType): Price;
  /** Of a node that is here: its labels may know better than the pool what it is. */
  priceOfNode(node: NodeState, pool: PoolState): Price;
  /** Of all nodes of these pools that are here; null: a price is not known. */
  usdPerHourOf(pools: readonly PoolState[]): number | null;
}

export function priceBook(prices: readonly PricePoint[] = []): PriceBook {
  const points = Map.groupBy(prices.filter(isUsable), offeringOf);
  const asked = new Map<string, Price>();

  const machinePrice = (offering: Offering): Price => {
    const { provider, region, zone, instanceType, tier } = offering;
    const key = JSON.stringify([provider, region, zone, instanceType, tier]);
    const known = asked.get(key);
    if (known !== undefined) return known;
    const price =
      newest(points.get(offeringOf(offering)) ?? [], zone) ??
      listPriceOf(provider, region, instanceType, tier);
    asked.set(key, price);
    return price;
  };

  const priceOf = (pool: PoolState, tier: CapacityType): Price => {
    const override = overrideOf(pool);
    if (override !== null) return override;
    const types = typesOf(pool);
    if (types.length === 0) return unknown("it names no instanceTypes", SET_TYPE);
    const region = regionOf(pool);
    if (region.kind === "unknown") return region;
    const { provider } = pool.spec;
    const zones = pool.pool.availabilityZones.length > 0 ? pool.pool.availabilityZones : [null];
    return dearest(
      types.flatMap((instanceType) =>
        zones.map((zone) => machinePrice({ provider, region: region.region, zone, instanceType, tier })),
      ),
    );
  };

  const priceOfNode = (state: NodeState, pool: PoolState): Price => {
    const override = overrideOf(pool);
    if (override !== null) return override;
    const { labels } = state.node;
    const { provider } = pool.spec;
    const tier = capacityTypeOf(labels) ?? pool.pool.capacityType;
    const instanceType = labels[NODE_LABEL.instanceType] ?? state.instance?.instanceType;
    const zone = labels[NODE_LABEL.zone] ?? state.instance?.zone ?? null;
    const region = regionOfLabels(provider, zone === null ? labels : { [NODE_LABEL.zone]: zone, ...labels });
    const place = region === null ? regionOf(pool) : { kind: "known" as const, region };
    if (instanceType === undefined || place.kind === "unknown") return priceOf(pool, tier);
    return machinePrice({ provider, region: place.region, zone, instanceType, tier });
  };

  const usdPerHourOf = (pools: readonly PoolState[]): number | null => {
    let micros = 0;
    for (const pool of pools) {
      for (const state of pool.nodes) {
        const price = priceOfNode(state, pool);
        if (price.kind === "unknown") return null;
        // Whole millionths add up to the same in any order.
        micros += Math.round(price.usdPerHour * MICROS);
      }
    }
    return micros / MICROS;
  };

  return { priceOf, priceOfNode, usdPerHourOf };
}

/** Of one more node of a pool, for those who count; null: not known. */
export function priceLookup(prices: readonly PricePoint[] = []): (pool: PoolState) => number | null {
  const book = priceBook(prices);
  return (pool) => {
    const price = book.priceOf(pool, pool.pool.capacityType);
    return price.kind === "known" ? price.usdPerHour : null;
  };
}

const MICROS = 1_000_000;
const SET_TYPE = "set nodePools[].instanceTypes, or nodePools[].price.usdPerHour";

interface Offering {
  readonly provider: string;
  readonly region: string;
  /** Null: not known, so any zone of the region. */
  readonly zone: string | null;
  readonly instanceType: string;
  readonly tier: CapacityType;
}

function offeringOf({ provider, region, instanceType, tier }: Omit<Offering, "zone">): string {
  return JSON.stringify([provider, region, instanceType, tier]);
}

function overrideOf({ pool }: PoolState): Price | null {
  const usdPerHour = pool.price?.usdPerHour;
  return usdPerHour === undefined ? null : { kind: "known", usdPerHour, source: "policy", at: null };
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
function dearest(prices: readonly Price[]): Price {
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
  return first ?? unknown("nobody says", SET_TYPE);
}

const SET_PRICE = "set nodePools[].price.usdPerHour";

function unknown(what: string, change: string): Price {
  return { kind: "unknown", because: `${what}: ${change}` };
}

/** A source that reads nonsense has read nothing. */
function isUsable({ usdPerHour, at }: PricePoint): boolean {
  return Number.isFinite(usdPerHour) && usdPerHour >= 0 && Number.isFinite(at);
}
