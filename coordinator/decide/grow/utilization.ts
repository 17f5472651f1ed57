// Growth by use: the mean over all GPUs of a policy, idle ones included, above the threshold. Sized like a horizontal
// pod autoscaler, with nodes that boot counted as here, so that one hot spell launches once, and GPUs that do not
// report counted as idle. Whether a policy is hot is read in load.ts.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { exact, heat, policyLoad } from "../fleet/load.ts";
import type { Load } from "../fleet/load.ts";
import { toleranceOf } from "../limits/behavior-rules.ts";
import { afterRemoveLeft } from "../limits/cooldown.ts";
import type { Packing } from "../pack/packing.ts";
import { addGpus } from "./one-more.ts";

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
      addNodes(packing, pools, policyLoad(packing.fleet, policy), reason.threshold);
    } else if (reason?.code === "telemetry-unknown") {
      const silent = pools.find((pool) => pool.nodes.some((state) => state.name === reason.node));
      if (silent !== undefined) packing.ledger.note(silent, reason);
    }
  }
  return hot;
}

function addNodes(packing: Packing, pools: readonly PoolState[], load: Load, threshold: number): void {
  const { fleet, ledger } = packing;
  // What does not report may do nothing: only what is seen to be busy asks for more.
  const ratio = exact(load.sum / load.gpus / threshold);
  if (!(ratio > 1 + toleranceOfPolicy(pools))) return;
  const coming = pools.reduce(
    (sum, pool) => sum + (pool.booting + ledger.added(pool).nodes) * (pool.gpusPerNode ?? 0),
    0,
  );
  // A hair of rounding must not buy a node.
  const missing = load.sum / threshold - load.gpus - coming - 1e-9;
  const leftMs = afterRemoveLeft(pools, fleet.at);
  if (missing <= 0) return;
  if (leftMs === 0) addGpus(packing, pools, missing, "utilization");
  else for (const pool of pools) ledger.note(pool, { code: "after-remove", leftMs });
}

/** The threshold is the threshold; only a policy that asks for `behavior` gets the tolerance that comes with it. */
function toleranceOfPolicy([first]: readonly PoolState[]): number {
  const behavior = first?.spec.behavior;
  return behavior === undefined ? 0 : toleranceOf(behavior, "up");
}
