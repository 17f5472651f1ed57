// One offer for each pool: what a node costs, what its interruptions add to that, and whether it may be asked for now
// or only tried. What failed is worked out in failures.ts; caps on price belong to the limits.

import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { backEndOf } from "../fleet/group-identity.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { PricePoint } from "../snapshot.ts";
import type { Offer } from "./market.ts";
import type { Opened } from "./opened.ts";
import { priceBook } from "./price.ts";
import { riskFactor } from "./risk.ts";
import type { Trials } from "./trials.ts";

export interface Offers {
  of(pool: PoolState): Offer;
  /** Why a growth of the pool is no more than one node. */
  because(pool: PoolState): readonly Reason[];
}

export function createOffers(
  fleet: Fleet,
  memory: Memory,
  about: { readonly prices: readonly PricePoint[]; readonly opened: Opened; readonly trials: Trials },
): Offers {
  const { prices, opened, trials } = about;
  const book = priceBook(prices);
  const known = new Map<string, Offer>();
  const made = (pool: PoolState): Offer => {
    const before = known.get(pool.id);
    if (before !== undefined) return before;
    const price = book.priceOf(pool, pool.pool.capacityType);
    const access = trials.accessTo(pool);
    const offer: Offer = {
      pool,
      price,
      effectiveUsdPerHour:
        price.kind === "known" ? price.usdPerHour * riskFactor(pool, memory, fleet.at) : null,
      refusal: access.kind === "closed" ? refused(pool, access.failure, access.leftMs) : null,
      probe: access.kind === "trial",
    };
    known.set(pool.id, offer);
    return offer;
  };
  return {
    of: (pool) => {
      const offer = made(pool);
      if (!offer.probe) return offer;
      const access = trials.accessTo(pool);
      if (access.kind !== "trial" || !access.among.some((other) => opened.count(other) > 0)) return offer;
      return { ...offer, refusal: refused(pool, access.failure, millis(0)) };
    },
    because: (pool) => {
      const access = trials.accessTo(pool);
      if (access.kind !== "trial") return [];
      const { offering, failures } = access.failure;
      return [{ code: "probe", offering, failures }];
    },
  };
}

function refused(pool: PoolState, failure: OfferingMemory, leftMs: Millis): Reason {
  const { offering, failures, detail } = failure;
  switch (failure.kind) {
    case "no-capacity":
      return { code: "no-capacity", offering, failures, leftMs, detail };
    case "timed-out":
      return { code: "launch-timed-out", offering, failures, leftMs };
    case "quota":
      return { code: "quota", pool: pool.id, leftMs, detail };
    case "denied":
      return { code: "not-permitted", pool: pool.id, leftMs, detail, ...backEndOf(pool.pool) };
    case "misconfigured":
      return { code: "misconfigured", pool: pool.id, leftMs, detail, ...backEndOf(pool.pool) };
    case "throttled":
    case "unavailable":
      return { code: "provider-failing", pool: pool.id, leftMs, detail };
    default:
      return failure.kind satisfies never;
  }
}
