// Members of a group that never became a node: each holds a place that pods wait for, so it leaves by its own name and
// the group is asked for another. There is no node that rules could ask about; limits hold all the same.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { isDone } from "../fleet/flights.ts";
import type { Steps } from "../limits/steps.ts";
import type { Packing } from "../pack/packing.ts";
import type { Release } from "../plan.ts";

export interface Unregistered {
  readonly moves: readonly Release[];
  readonly refused: readonly { readonly pool: string; readonly because: Reason }[];
}

/** `instances`: member → why it is to go. */
export function releaseUnregistered(
  { fleet, ledger }: Packing,
  instances: ReadonlyMap<string, Reason>,
  steps: Steps,
): Unregistered {
  const moves: Release[] = [];
  const refused: { readonly pool: string; readonly because: Reason }[] = [];
  if (instances.size === 0) return { moves, refused };
  for (const pool of fleet.pools) {
    if (!pool.spec.enabled || !canRemove(pool)) continue;
    for (const { id, node, state } of pool.input.instances) {
      const because = instances.get(id);
      const key = `${pool.id}/release/${id}`;
      if (because === undefined || state === "leaving" || isDone(pool.journal, key)) continue;
      const refusal = ledger.removalRefusal(pool, "Unhealthy");
      // It is no node, so that budgets of nodes do not count it; the rate is asked again at the call.
      if (refusal !== null && refusal.code !== "disruption-budget") {
        refused.push({ pool: pool.id, because: refusal });
        continue;
      }
      ledger.takeRemoval(pool, "Unhealthy");
      moves.push({
        kind: "release",
        key,
        policy: pool.policy,
        pool: pool.name,
        ...steps.next(pool, -1),
        because: [because],
        // What never was a node has no name but its own.
        node: node ?? id,
        instance: id,
        disruption: "Unhealthy",
      });
    }
  }
  return { moves, refused };
}

function canRemove({ blocked, input: { group } }: PoolState): boolean {
  return (
    (blocked === null || blocked.code === "spot-disabled") && group.kind === "known" && group.chosenRemoval
  );
}
