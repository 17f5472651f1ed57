// The way back from on-demand to spot: once no spot offering of the policy has failed for `returnAfterSeconds`, nodes
// of an on-demand pool above its share go when their work has ended, one at a time, so that what comes next is bought
// as spot again. Those that have work are the business of exchange.ts.

import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { ratio } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { Going } from "../limits/minima.ts";
import { gpusLeft } from "../limits/tier-gpus.ts";
import { targetsOf } from "../market/shares.ts";
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
export function surplusOf(pool: PoolState, packing: Packing, going: Going): Surplus | null {
  const { fleet } = packing;
  if (pool.spec.spot.returnAfterSeconds === undefined || pool.pool.capacityType !== "on-demand") return null;

  // 1. Spot that could do its work can be bought, and nothing of it failed lately.
  const pools = poolsOf(fleet, pool.policy);
  const spot = pools.filter((other) => other.pool.capacityType === "spot" && other.closed === null);
  const names = new Set(spot.map(({ name }) => `pool/${name}`));
  const failed = (pool.journal.offerings ?? []).some(
    ({ offering, lastAt }) =>
      (offering.endsWith("|spot") || names.has(offering)) && !isQuiet(pool, lastAt, fleet.at),
  );
  if (failed || !spot.some((other) => isOpenFor(other, pool, packing))) return null;

  // 2. There is more on demand than there should be.
  const left = gpusLeft(pools, going);
  const total = left.spot + left["on-demand"] + left.reserved;
  const tiers = [...new Set(pools.map((other) => other.pool.capacityType))];
  const target = targetsOf(pool.spec, tiers)["on-demand"];
  const share = total === 0 ? 0 : left["on-demand"] / total;
  return share > target
    ? { share: ratio(share), target: ratio(target), gpus: left["on-demand"] - target * total }
    : null;
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
function mayReplace(spot: PoolState, pool: PoolState): boolean {
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
