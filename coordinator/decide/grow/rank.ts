// In which order pools are asked for a node: those that may act first, since a pod must not wait for a node that is
// only recommended; then the operator's priority, the tier, the GPUs that would stand unused, and the name. Which pools can be asked at all is settled before; limits are settled after.

import { gpusIn } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { TIER_ORDER } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { compareText, firstDifference } from "../order.ts";
import { podsPerNode } from "../pack/fit.ts";

/** Pods of one kind that want new nodes; null when nodes are wanted for no pod in particular. */
export interface Need {
  readonly requests: Resources;
  readonly pods: number;
}

/** `last`: pools to be asked when no other is left, as the one that is just losing its nodes. */
export function rank(
  pools: readonly PoolState[],
  need: Need | null,
  last: ReadonlySet<string> = new Set(),
): readonly PoolState[] {
  if (pools.length < 2) return pools;
  return pools.toSorted((a, b) =>
    firstDifference(
      Number(a.spec.mode === "Recommend") - Number(b.spec.mode === "Recommend"),
      Number(last.has(a.id)) - Number(last.has(b.id)),
      // Machines that were asked for and never came say that more will not come either.
      Number(a.overdue.nodes > 0) - Number(b.overdue.nodes > 0),
      b.pool.priority - a.pool.priority,
      TIER_ORDER[a.pool.capacityType] - TIER_ORDER[b.pool.capacityType],
      need === null ? 0 : wastedGpus(a, need) - wastedGpus(b, need),
      compareText(a.id, b.id),
    ),
  );
}

/** GPUs that stay unused when the pods, and nothing else, get new nodes of the pool. */
export function wastedGpus(pool: PoolState, { requests, pods }: Need): number {
  if (pool.shape === null) return 0;
  const perNode = podsPerNode(requests, pool.shape.allocatable);
  if (perNode < 1 || perNode === Infinity) return 0;
  return Math.ceil(pods / perNode) * gpusIn(pool.shape.allocatable) - pods * gpusIn(requests);
}
