// The way back from on-demand to spot: once no spot offering of the policy has failed for `returnAfterSeconds`, nodes
// of an on-demand pool above its share go when their work has ended, one at a time, so that what comes next is bought
// as spot again. Those that have work are the business of exchange.ts, and how many of them is said here.

import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { ratio } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { hasTenants } from "../fleet/tenants.ts";
import type { Going } from "../limits/minima.ts";
import { gpusLeft } from "../limits/tier-gpus.ts";
import type { Packing } from "../pack/packing.ts";
import type { Cause } from "../rule.ts";

/** How much of the policy is on demand, and how much should be. */
export interface Surplus {
  readonly share: Ratio;
  readonly target: Ratio;
  /** GPUs on demand beyond the target. */
  readonly gpus: number;
}

/** Null: an empty node of the pool has no reason to go before its time. */
export function returnToSpot(pool: PoolState, packing: Packing, going: Going): Cause | null {
  // One of the pool at a time, and none so soon after another.
  if ((going.get(pool.id) ?? 0) > 0) return null;
  if (!isQuiet(pool, pool.journal.lastDownAt[pool.name], packing.fleet.at)) return null;
  const surplus = surplusOf(pool, packing, going);
  return surplus === null ? null : { kind: "return", share: surplus.share, target: surplus.target };
}

/** Null: there is no more on demand than there should be, or spot is not to be had now. */
function surplusOf(pool: PoolState, packing: Packing, going: Going): Surplus | null {
  const { fleet } = packing;
  if (pool.spec.spot.returnAfterSeconds === undefined || pool.pool.capacityType !== "on-demand") return null;

  // 1. Spot that could do its work can be bought, and nothing of it failed lately.
  const pools = poolsOf(fleet, pool.policy);
  const spot = pools.filter((other) => other.pool.capacityType === "spot" && other.closed === null);
  if (!isSpotQuiet(pool, packing) || !spot.some((other) => isOpenFor(other, pool, packing))) return null;

  // 2. There is more on demand than there should be.
  const left = gpusLeft(pools, going);
  const total = left.spot + left["on-demand"] + left.reserved;
  const target = packing.market.targets(pool)["on-demand"];
  const share = total === 0 ? 0 : left["on-demand"] / total;
  return share > target
    ? { share: ratio(share), target: ratio(target), gpus: left["on-demand"] - target * total }
    : null;
}

/**
 * The same of the work alone, for nodes that would go with their pods. A spot node that waits for such pods is no work
 * yet: counted, it would end the exchange that it was bought for, and would be bought again once it had gone. What is
 * being emptied counts as work that has left. `gone`: GPUs of the policy that go back in this decision already.
 */
export function workOnDemand(pool: PoolState, { fleet, market }: Packing, gone: number): Surplus | null {
  const pools = poolsOf(fleet, pool.policy);
  const spot = pools.filter((other) => other.pool.capacityType === "spot" && other.closed === null);
  if (!spot.some((other) => mayReplace(other, pool))) return null;
  let total = 0;
  let onDemand = -gone;
  for (const { nodes, gpusPerNode, pool: spec } of pools) {
    // The rest of a group that mixes both is bought on demand.
    const mixed = spec.capacityType === "spot" ? 1 - (spec.spotPercentage ?? 1) : 0;
    const firm = spec.capacityType === "on-demand" ? 1 : mixed;
    for (const state of nodes) {
      if (!hasTenants(state, fleet.at)) continue;
      total += gpusPerNode ?? 0;
      const leaves = state.draining || state.standing === "leaving" || state.notice !== null;
      if (!leaves) onDemand += firm * (gpusPerNode ?? 0);
    }
  }
  const target = market.targets(pool)["on-demand"];
  const gpus = onDemand - target * total;
  return gpus > 0 ? { share: ratio(onDemand / total), target: ratio(target), gpus } : null;
}

/** No spot of the policy failed to come for as long as the way back waits. */
export function isSpotQuiet(pool: PoolState, { fleet, market }: Packing): boolean {
  const names = new Set(
    poolsOf(fleet, pool.policy)
      .filter((other) => other.pool.capacityType === "spot" && other.closed === null)
      .map(({ name }) => `pool/${name}`),
  );
  // As the market has it: with what failed since the last decision.
  return market
    .offerings(pool.policy)
    .every(
      ({ offering, lastAt }) =>
        !(offering.endsWith("|spot") || names.has(offering)) || isQuiet(pool, lastAt, fleet.at),
    );
}

/** Nothing of the kind has happened for as long as the way back waits. */
function isQuiet({ spec }: PoolState, since: number | undefined, at: EpochMs): boolean {
  return since === undefined || at - since >= (spec.spot.returnAfterSeconds ?? 0) * 1000;
}

/** Spot that could do the work of the on-demand pool, and may have one more now. */
export function isOpenFor(spot: PoolState, pool: PoolState, { market, ledger }: Packing): boolean {
  return mayReplace(spot, pool) && market.offerOf(spot).refusal === null && ledger.refusal(spot) === null;
}

/** What came next for a GPU that spot does not have would be bought on demand again. */
export function mayReplace(spot: PoolState, pool: PoolState): boolean {
  if (hasGpus(spot) !== hasGpus(pool)) return false;
  const [a, b] = [modelOf(spot), modelOf(pool)];
  return a === null || b === null || mayBeSameGpu(a, b);
}

function hasGpus({ gpusPerNode }: PoolState): boolean {
  return gpusPerNode !== null && gpusPerNode > 0;
}

function modelOf({ pool: { gpuType }, shape }: PoolState): GpuModel | null {
  const seen = shape === null ? null : gpuModelOfLabels(shape.labels);
  return seen ?? (gpuType === undefined ? null : gpuModelOf(gpuType));
}
