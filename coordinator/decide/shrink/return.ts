// The way back from on-demand to spot: once no spot offering of the policy has failed for `returnAfterSeconds`, nodes
// of an on-demand pool above its share go when their work has ended, one at a time, so that what comes next is bought
// as spot again. Nothing that runs is moved for it.

import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { ratio } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { Going } from "../limits/minima.ts";
import { gpusLeft } from "../limits/tier-gpus.ts";
import { targetsOf } from "../market/shares.ts";
import type { Packing } from "../pack/packing.ts";
import type { Cause } from "../rule.ts";

/** Null: an empty node of the pool has no reason to go before its time. */
export function returnToSpot(pool: PoolState, packing: Packing, going: Going): Cause | null {
  const { fleet, market, ledger } = packing;
  const { returnAfterSeconds } = pool.spec.spot;
  if (returnAfterSeconds === undefined || pool.pool.capacityType !== "on-demand") return null;
  const quiet = (since: number | undefined): boolean =>
    since === undefined || fleet.at - since >= returnAfterSeconds * 1000;

  // 1. One of the pool at a time, and none so soon after another.
  if ((going.get(pool.id) ?? 0) > 0 || !quiet(pool.journal.lastDownAt[pool.name])) return null;

  // 2. Spot that could do its work can be bought, and nothing of it failed lately.
  const pools = poolsOf(fleet, pool.policy);
  const spot = pools.filter((other) => other.pool.capacityType === "spot" && other.closed === null);
  const names = new Set(spot.map(({ name }) => `pool/${name}`));
  const failed = (pool.journal.offerings ?? []).some(
    ({ offering, lastAt }) => (offering.endsWith("|spot") || names.has(offering)) && !quiet(lastAt),
  );
  const buys = (other: PoolState): boolean =>
    mayReplace(other, pool) && market.offerOf(other).refusal === null && ledger.refusal(other) === null;
  if (failed || !spot.some(buys)) return null;

  // 3. There is more on demand than there should be.
  const left = gpusLeft(pools, going);
  const total = left.spot + left["on-demand"] + left.reserved;
  const tiers = [...new Set(pools.map((other) => other.pool.capacityType))];
  const target = targetsOf(pool.spec, tiers)["on-demand"];
  const share = total === 0 ? 0 : left["on-demand"] / total;
  return share > target ? { kind: "return", share: ratio(share), target: ratio(target) } : null;
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
