// How large each pool is and should be, and what stands against a policy, as metrics of one cycle. What is not known has no
// sample. Conditions are shown as the status has them; who decides them is conditions.ts.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { CONDITION } from "../../shared/model/names.ts";
import type { Plan } from "../decide/plan.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

const STATUSES = ["True", "False", "Unknown"] as const;
const OURS: ReadonlySet<string> = new Set(Object.values(CONDITION));

export function recordPools(metrics: CoordinatorMetrics, { figures }: Pick<Plan, "figures">): void {
  const pools = figures.flatMap(({ policy, pools: own }) =>
    own.map((figure) => ({ labels: { policy, pool: figure.pool }, ...figure })),
  );
  metrics.setAll(
    "gpu_autoscaler_pool_nodes",
    pools.flatMap(({ labels, standing }) =>
      standing === undefined
        ? []
        : Object.entries(standing).map(([state, value]) => ({ labels: { ...labels, state }, value })),
    ),
  );
  metrics.setAll(
    "gpu_autoscaler_pool_desired_nodes",
    pools.flatMap(({ labels, size }) => (size === null ? [] : [{ labels, value: size }])),
  );
}

/** One of a kind for each pool: of several scaling policies one is enough to know. */
export function recordRivals(metrics: CoordinatorMetrics, { holds }: Pick<Plan, "holds">): void {
  const values = new Map<
    string,
    { labels: { policy: string; pool: string; rival: string }; value: number }
  >();
  for (const { policy, pool, because } of holds)
    for (const reason of because) {
      if (reason.code !== "rival") continue;
      const labels = { policy, pool, rival: reason.rival };
      const key = JSON.stringify(labels);
      const value = reason.stops === "nothing" ? 0 : 1;
      values.set(key, { labels, value: Math.max(value, values.get(key)?.value ?? 0) });
    }
  metrics.setAll("gpu_autoscaler_rival", [...values.values()]);
}

/** Policy → its conditions. Those of types that are not ours are left to whoever writes them. */
export function recordConditions(
  metrics: CoordinatorMetrics,
  conditions: ReadonlyMap<string, PolicyStatus["conditions"]>,
): void {
  metrics.setAll(
    "gpu_autoscaler_policy_condition",
    [...conditions].flatMap(([policy, own]) =>
      own
        .filter(({ type }) => OURS.has(type))
        .flatMap(({ type, status: now }) =>
          STATUSES.map((status) => ({ labels: { policy, type, status }, value: status === now ? 1 : 0 })),
        ),
    ),
  );
}
