// Members of a group that never became a node: each holds a place that pods wait for, so it leaves by its own name and
// the group is asked for another. There is no node that rules could ask about; limits hold all the same. A place that no
// machine ever filled is given back like that too: nothing is removed, so that only a freeze and the group's own minimum
// stand against it.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { growthsOf, isDone, isNodeLeaving } from "../fleet/flights.ts";
import { groupMinimumBroken } from "../limits/group-bounds.ts";
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
    if (!pool.spec.enabled) continue;
    for (const instance of pool.input.instances) {
      const { id, node, state } = instance;
      const because = instances.get(id);
      const isPlace = instance.placeholder === true;
      const key = isPlace ? placeKey(pool, id, fleet.at) : `${pool.id}/release/${id}`;
      if (because === undefined || state === "leaving" || isDone(pool.journal, key)) continue;
      if (!canRelease(pool, isPlace) || isNodeLeaving(pool.journal, node ?? id, fleet.at)) continue;
      // It is no node, so that budgets of nodes do not count it; the rate is asked again at the call.
      const limit = isPlace ? frozen(pool) : ledger.removalRefusal(pool, "Unhealthy");
      const refusal =
        (limit?.code === "disruption-budget" ? null : limit) ??
        groupMinimumBroken(pool, steps.removals, fleet.at);
      if (refusal !== null) {
        refused.push({ pool: pool.id, because: refusal });
        continue;
      }
      if (!isPlace) ledger.takeRemoval(pool, "Unhealthy");
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

function frozen({ spec }: PoolState): Reason | null {
  return spec.disruption.freeze ? { code: "frozen" } : null;
}

/** Places are numbered anew with each growth: what is done about one says nothing of the next one of its name. */
function placeKey(pool: PoolState, id: string, at: EpochMs): string {
  const asked = growthsOf(pool.journal, pool.name, at).at(-1)?.at ?? pool.journal.lastUpAt[pool.name] ?? 0;
  return `${pool.id}/release/${id}-after-${asked}`;
}

/** Places are given back by their number, so that their group need not let a member be chosen. */
function canRelease({ blocked, input: { group } }: PoolState, isPlace: boolean): boolean {
  return (
    (blocked === null || blocked.code === "spot-disabled") &&
    group.kind === "known" &&
    (isPlace || group.chosenRemoval)
  );
}
