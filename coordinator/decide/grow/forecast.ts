// What a forecast expects, as a floor in GPUs: only where the policy lets it, and only when it has earned it. It
// proposes and overrides nothing: limits, cooldowns, behaviour and the order of pools are those of all growth.

import { predictiveModeOf } from "../../../shared/contract/policy/predictive.ts";
import { partsOf } from "../fleet/expected.ts";
import type { PartOfPools } from "../fleet/expected.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { gpusOf } from "../limits/counts.ts";
import type { Packing } from "../pack/packing.ts";
import { addGpus, give } from "./one-more.ts";
import type { Because } from "./one-more.ts";

/** Adds to the ledger and to `because`. */
export function holdForecast(packing: Packing, because: Because): void {
  for (const [, pools] of Map.groupBy(packing.fleet.pools, (pool) => pool.policy)) {
    const [first] = pools;
    if (first === undefined || predictiveModeOf(first.spec) !== "ForecastAndScale") continue;
    for (const part of partsOf(first.forecast, pools)) hold(packing, part, because);
  }
}

function hold(packing: Packing, { expected, pools }: PartOfPools, because: Because): void {
  if (!expected.earned) return;
  const { ledger } = packing;
  const gpus = gpusOf(pools.map((pool) => ({ pool, nodes: countedOn(pool) + ledger.added(pool).nodes })));
  if (gpus === null) {
    // What is here cannot be counted, so nobody can say what is missing.
    for (const pool of pools.filter(({ gpusPerNode }) => gpusPerNode === null))
      ledger.note(pool, { code: "template-unknown" });
    return;
  }
  const { gpus: wanted, at, confidence } = expected;
  addGpus(packing, pools, wanted - gpus, "forecast", (pool) => {
    give(because, pool, { code: "forecast", gpus, wanted, at, confidence });
  });
}

/** Machines that failed or are late will do nobody's work. */
function countedOn({ planned, overdue, dead }: PoolState): number {
  return Math.max(0, planned - overdue.nodes - dead.length);
}
