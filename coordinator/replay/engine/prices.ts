// What is known of prices as a replay goes on: of each place, type and tier the newest point that does not lie in the
// future. A sizer sees that and no more; money is counted with it. A place without a point is of unknown price, always:
// the catalogue's list has no say in what a trace would have cost.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { machinePrices } from "../../decide/market/machine-price.ts";
import type { PricePoint } from "../../decide/snapshot.ts";
import type { PoolModel } from "../scenario.ts";

export interface Prices {
  /** When the next price comes; null: none does. */
  nextAt(): EpochMs | null;
  /** Takes over all points up to `now`. True when a price has changed. */
  moveTo(now: EpochMs): boolean;
  /** One for each place, type and tier; the same list until a price changes. */
  known(): readonly PricePoint[];
  /** USD an hour of one machine; null: nobody knows. */
  of(pool: PoolModel, zone: string, tier: CapacityType): number | null;
}

/** `points`: in order of time. */
export function createPrices(points: readonly PricePoint[]): Prices {
  const newest = new Map<string, PricePoint>();
  let next = 0;
  let list: readonly PricePoint[] = [];
  let lookup: ReturnType<typeof machinePrices> | null = null;
  let asked = new Map<PoolModel, Map<string, number | null>>();

  return {
    nextAt: () => points[next]?.at ?? null,
    moveTo: (now) => {
      let changed = false;
      for (let point = points[next]; point !== undefined && point.at <= now; point = points[next]) {
        next += 1;
        const key = placeOf(point);
        changed ||= newest.get(key)?.usdPerHour !== point.usdPerHour;
        newest.set(key, point);
      }
      if (!changed) return false;
      list = Object.freeze([...newest.values()].map((point) => Object.freeze(point)));
      lookup = null;
      asked = new Map();
      return true;
    },
    known: () => list,
    of: (pool, zone, tier) => {
      const own = asked.get(pool) ?? new Map<string, number | null>();
      asked.set(pool, own);
      const key = `${zone} ${tier}`;
      let price = own.get(key);
      if (price === undefined) {
        lookup ??= machinePrices(list, () => ({
          kind: "unknown",
          because: "the scenario has no price for it",
        }));
        const { provider, region, instanceType } = pool;
        const found = lookup({ provider, region, zone, instanceType, tier });
        price = found.kind === "known" ? found.usdPerHour : null;
        own.set(key, price);
      }
      return price;
    },
  };
}

function placeOf({ provider, region, zone = "", instanceType, tier }: PricePoint): string {
  return `${provider} ${region} ${zone} ${instanceType} ${tier}`;
}
