// Whether one more node of a pool may go, as far as numbers say: the freeze switch, disruption budgets, the rate of
// ten minutes. What stands against one particular node is in the rules; minima and floors are in minima.ts.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { allowedDisruptions, leavingNodes } from "./budgets.ts";
import { allowedRate, RATE_WINDOW_MS } from "./growth.ts";

export interface Removals {
  /** Nodes of the pool that this decision takes away already. */
  readonly pool: number;
  /** Nodes of the policy in the last ten minutes, in flight and of this decision. */
  readonly removed: number;
  /** Nodes of the policy before all of those. */
  readonly before: number;
}

export function refuseRemoval(
  pool: PoolState,
  disruption: Disruption,
  removals: Removals,
  at: EpochMs,
): Reason | null {
  if (pool.spec.disruption.freeze) return { code: "frozen" };
  const { nodes: allowed, problem } = allowedDisruptions(pool, disruption, at);
  if (problem !== null) return problem;
  const leaving = leavingNodes(pool) + removals.pool;
  if (leaving + 1 > allowed) return { code: "disruption-budget", leaving, allowed, disruption };
  return rateReached(pool.spec, removals);
}

export function rateReached(
  spec: PolicySpec,
  { removed, before }: Pick<Removals, "removed" | "before">,
): Reason | null {
  const allowed = allowedRate(spec.maxPercentOrNodesRemoved, before);
  return removed + 1 > allowed
    ? { code: "removal-rate", removed, allowed, windowMs: millis(RATE_WINDOW_MS) }
    : null;
}
