// One more node for something that is no pod: a floor, which waits for nothing, or use and forecasts, which wait as
// pods do. What stands against it is noted on the pool, so that a floor that is not met says why.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { growthInFlight } from "../fleet/flights.ts";
import type { Need } from "../market/market.ts";
import { distinct } from "../order.ts";
import type { Packing } from "../pack/packing.ts";
import { pauseOf } from "../pack/pause.ts";

/** Pool id → why it was given nodes that no pod asked for. */
export type Because = Map<string, Reason[]>;

export function give(because: Because, pool: PoolState, reason: Reason): void {
  because.set(pool.id, distinct([...(because.get(pool.id) ?? []), reason]));
}

/** For a floor. False where the market, a limit or a growth that is not settled stands against it. */
export function addOne(packing: Packing, pool: PoolState): boolean {
  const { fleet, ledger, market } = packing;
  const flight = growthInFlight(pool.journal, pool.name, fleet.at);
  const refusal =
    flight === null ? refusalOf(packing, pool) : ({ code: "move-in-flight", ...flight } as const);
  if (refusal !== null) {
    ledger.note(pool, refusal);
    return false;
  }
  ledger.take(pool, "minimum");
  market.opened(pool);
  return true;
}

/** For a floor: one more from the pool that comes first of those that may give one; null when none may. */
export function addToFirst(
  packing: Packing,
  pools: readonly PoolState[],
  need: Need | null = null,
): PoolState | null {
  return packing.market.rank(pools, need).find((pool) => addOne(packing, pool)) ?? null;
}

/**
 * For use and forecasts: so many GPUs, each node from the pool that comes first. A pool that is full is passed over;
 * one that pauses is waited for, so that a pause buys nothing dearer.
 */
export function addGpus(
  packing: Packing,
  pools: readonly PoolState[],
  gpus: number,
  why: "utilization" | "forecast",
  onAdded: (pool: PoolState) => void = () => {},
): void {
  const { fleet, ledger, market } = packing;
  let missing = gpus;
  let able = pools.filter((pool) => pool.closed === null && (pool.gpusPerNode ?? 0) > 0);
  while (missing > 0) {
    const [pool] = market.rank(able, null);
    if (pool === undefined) return;
    const perNode = pool.gpusPerNode ?? Infinity;
    const refusal = refusalOf(packing, pool);
    if (refusal !== null) {
      ledger.note(pool, refusal);
      able = able.filter((other) => other !== pool);
      continue;
    }
    const pause = pauseOf(pool, fleet, market.failedAt(pool.policy)) ?? ledger.pause(pool);
    if (pause !== null) {
      ledger.note(pool, pause);
      ledger.keepBack(pool, Math.ceil(missing / perNode));
      return;
    }
    ledger.take(pool, why);
    market.opened(pool);
    onAdded(pool);
    missing -= perNode;
  }
}

function refusalOf({ ledger, market }: Packing, pool: PoolState): Reason | null {
  return market.offerOf(pool).refusal ?? ledger.refusal(pool);
}
