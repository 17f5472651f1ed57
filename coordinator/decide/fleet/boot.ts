// How long machines of a pool take from the call to a node that works: measured once for each node that is seen to
// come, the last twenty kept; and since when a node is on its way or down. What follows from it is for others.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { PoolState } from "./fleet.ts";
import { growthsOf } from "./flights.ts";
import { clocksOf } from "./standing.ts";
import type { NodeState } from "./standing.ts";

const KEPT = 20;

/** What was measured before and what has come since the last decision, newest last. */
export function bootTimes(pool: PoolState, memory: Memory, at: EpochMs): readonly number[] {
  const arrived = pool.nodes
    .filter((state) => state.standing === "up" && hasJustCome(state, memory))
    .map((state) => elapsed(askedAt(state, pool, at), at))
    .sort((a, b) => a - b);
  return [...(memory.bootMs?.[pool.id] ?? []), ...arrived].slice(-KEPT);
}

/** Since when the node is on its way, or has not worked although it may have before; nothing of one that works. */
export function outage(
  { name, standing }: NodeState,
  memory: Memory,
  at: EpochMs,
): Pick<NodeMemory, "comingSince" | "downSince"> {
  if (standing === "up" || standing === "leaving") return {};
  const before = memory.nodes[name];
  if (before?.comingSince !== undefined) return { comingSince: before.comingSince };
  // Only what was on its way when it was first seen has never worked; of all else nobody knows.
  if (before === undefined && standing === "booting") return { comingSince: at };
  return { downSince: before?.downSince ?? at };
}

/** A node that was there before and of which nobody knows how it came is no measure. */
function hasJustCome({ name, node }: NodeState, memory: Memory): boolean {
  const before = memory.nodes[name];
  if (before !== undefined) return before.comingSince !== undefined;
  return memory.at !== null && node.createdAt > memory.at;
}

/** The growth that can have brought it; without one its own beginning. */
function askedAt({ node, instance }: NodeState, pool: PoolState, at: EpochMs): EpochMs {
  const began = instance?.createdAt ?? node.createdAt;
  const { launchMs, registrationMs } = clocksOf(pool.spec);
  const growth = growthsOf(pool.journal, pool.name, at).findLast(
    (candidate) => candidate.at <= began && began - candidate.at <= launchMs + registrationMs,
  );
  return growth?.at ?? began;
}
