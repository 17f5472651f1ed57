// What sizes each pool and how long its machines take to come, as metrics of one cycle. A stage is observed in the cycle
// whose decision says that it has ended, so once for each machine; the ledger itself is the decision's.

import type { CapacityType } from "../../shared/model/node.ts";
import type { Plan } from "../decide/plan.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

/** The label of a pool that nothing sizes. */
const NO_BACK_END = "none";

export function recordLaunches(metrics: CoordinatorMetrics, snapshot: Snapshot, { figures }: Plan): void {
  const tierOf = tiersOf(snapshot);
  const pools = figures.flatMap(({ policy, pools: own }) =>
    own.map(({ pool, backEnd = NO_BACK_END, finished = [] }) => ({
      labels: { policy, pool, back_end: backEnd },
      tier: tierOf.get(`${policy}/${pool}`),
      finished,
    })),
  );
  metrics.setAll(
    "gpu_autoscaler_pool_info",
    pools.flatMap(({ labels, tier }) =>
      tier === undefined ? [] : [{ labels: { ...labels, capacity_type: tier }, value: 1 }],
    ),
  );
  for (const { labels, finished } of pools)
    for (const { stage, ms } of finished)
      metrics.observe("gpu_autoscaler_launch_stage_duration_seconds", { ...labels, stage }, ms / 1000);
}

function tiersOf({ policies }: Snapshot): ReadonlyMap<string, CapacityType> {
  return new Map(
    policies.flatMap((policy) =>
      policy.kind === "valid"
        ? policy.spec.nodePools.map(
            ({ name, capacityType }) => [`${policy.name}/${name}`, capacityType] as const,
          )
        : [],
    ),
  );
}
