// The limits asked once more, just before a call, with sizes read that moment: the same arithmetic as at the
// decision, so that both mean the same by "at most". What other calls of the cycle have taken is in the sizes.

import { assemble, poolsOf } from "./fleet/fleet.ts";
import type { Fleet, PoolState } from "./fleet/fleet.ts";
import { poolId } from "./fleet/ownership.ts";
import { sane } from "./fleet/sane.ts";
import { addedInWindow, allowedGrowth } from "./limits/limits.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Recheck {
  readonly policy: { readonly name: string };
  readonly pool: string;
  /** Of all pools of the policy whose size is known; this one's as read just now. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Nodes that this cycle has added to the policy already. */
  readonly addedNow: number;
  readonly snapshot: Snapshot;
}

/** How many nodes may be added to the pool now; 0 when that cannot be said. */
export function allowedNow({ policy, pool, sizes, addedNow, snapshot }: Recheck): number {
  const made = sane(snapshot);
  if (made === null) return 0;
  const fleet = assemble(made.snapshot);
  const asked = fleet.poolsById.get(poolId(policy.name, pool));
  if (asked === undefined || asked.blocked !== null || !isSize(sizes.get(pool))) return 0;
  const sizeOf = (other: PoolState): number => {
    const size = sizes.get(other.name);
    return isSize(size) ? size : other.planned;
  };
  const allowed = allowedGrowth(asked.spec, asked.pool, {
    poolNodes: sizeOf(asked),
    policyNodes: poolsOf(fleet, policy.name).reduce((sum, other) => sum + sizeOf(other), 0),
    policyGpus: gpusOf(fleet, policy.name, sizeOf),
    gpusPerNode: asked.gpusPerNode,
    added: addedInWindow(asked.journal, fleet.at) + addedNow,
  });
  return allowed.nodes;
}

function isSize(size: number | undefined): size is number {
  return size !== undefined && Number.isSafeInteger(size) && size >= 0;
}

/** Null: a pool has nodes and nobody knows what is in them. */
function gpusOf(fleet: Fleet, policy: string, sizeOf: (pool: PoolState) => number): number | null {
  let gpus = 0;
  for (const pool of poolsOf(fleet, policy)) {
    const nodes = sizeOf(pool);
    if (nodes === 0) continue;
    if (pool.gpusPerNode === null) return null;
    gpus += nodes * pool.gpusPerNode;
  }
  return gpus;
}
