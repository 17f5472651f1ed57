// Growth by use: the mean over all GPUs of a policy, idle ones included, above the threshold. Sized like a horizontal
// pod autoscaler, with nodes that boot counted as here, so that one hot spell launches once. Whether a policy is hot
// is read in load.ts; without readings of nearly all GPUs there is no mean to act on.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { heat, loadOf } from "../fleet/load.ts";
import type { Packing } from "../pack/packing.ts";
import { pauseOf } from "./grow.ts";
import { rank } from "./rank.ts";

/** Adds to the ledger; policy → why, where it is hot. `hotSince`: since when, as remembered before. */
export function growForUtilization(
  packing: Packing,
  hotSince: Readonly<Record<string, EpochMs>>,
): ReadonlyMap<string, Reason> {
  const hot = new Map<string, Reason>();
  for (const [policy, pools] of Map.groupBy(packing.fleet.pools, (pool) => pool.policy)) {
    const reason = heat(packing.fleet, pools, hotSince[policy]);
    if (reason?.code === "utilization-high") {
      hot.set(policy, reason);
      addNodes(packing, pools, reason.mean, reason.threshold);
    } else if (reason?.code === "telemetry-unknown") {
      const silent = pools.find((pool) => pool.nodes.some((state) => state.name === reason.node));
      if (silent !== undefined) packing.ledger.note(silent, reason);
    }
  }
  return hot;
}

function addNodes(packing: Packing, pools: readonly PoolState[], mean: number, threshold: number): void {
  const { fleet, ledger } = packing;
  const here = loadOf(
    pools.flatMap((pool) => pool.nodes),
    fleet.at,
  ).gpus;
  const coming = pools.reduce(
    (sum, pool) => sum + (pool.booting + ledger.added(pool).nodes) * (pool.gpusPerNode ?? 0),
    0,
  );
  // A hair of rounding must not buy a node.
  let missing = (mean * here) / threshold - here - coming - 1e-9;
  const candidates = rank(
    pools.filter((pool) => pool.closed === null && (pool.gpusPerNode ?? 0) > 0),
    null,
  );
  while (missing > 0) {
    const pool = firstWithRoom(packing, candidates);
    if (pool === null) return;
    ledger.take(pool, "utilization");
    missing -= pool.gpusPerNode ?? Infinity;
  }
}

/** A pool that is full is passed over; one that pauses is waited for. */
function firstWithRoom({ fleet, ledger }: Packing, pools: readonly PoolState[]): PoolState | null {
  for (const pool of pools) {
    const refusal = ledger.refusal(pool);
    const pause = pauseOf(pool, fleet);
    if (refusal === null && pause === null) return pool;
    ledger.note(pool, pause ?? refusal ?? { code: "nothing-to-do" });
    if (pause !== null && refusal === null) return null;
  }
  return null;
}
