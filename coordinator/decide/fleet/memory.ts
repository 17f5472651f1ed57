// What the next decision wants to know of this one: timers of the nodes that are here, shapes of pools that may be
// empty by then, since when a policy has been hot, what was asked for and has not come, how long machines took, what
// failed and how often spot was interrupted. Losing it costs caution, never money.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { LaunchMemory, Memory, NodeMemory, NodeShape } from "../snapshot-memory.ts";
import type { Snapshot } from "../snapshot.ts";
import { bootTimes, outage } from "./boot.ts";
import type { Fleet } from "./fleet.ts";
import { timersOf } from "./idle.ts";
import { countInterruptions } from "./interruptions.ts";
import { heat } from "./load.ts";
import { failedKey } from "./offering.ts";
import { learnedShape } from "./shape.ts";

const UNTIMED: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

export function remember(fleet: Fleet, snapshot: Snapshot): Memory {
  const { at, memory } = snapshot;
  const nodes: Record<string, NodeMemory> = {};
  const shapes: Record<string, NodeShape> = {};
  const launches: Record<string, LaunchMemory> = {};
  const bootMs: Record<string, readonly number[]> = {};
  const failedSince: Record<string, EpochMs> = {};
  for (const pool of fleet.pools) {
    for (const state of pool.nodes) {
      // Pods of an incomplete list make a node look empty.
      const timed = pool.spec.enabled && fleet.sync.kind === "synced";
      const out = outage(state, memory, at);
      if (timed) nodes[state.name] = { ...timersOf(state, pool, memory, at), ...out };
      else if (state.standing !== "up") nodes[state.name] = { ...UNTIMED, ...out };
    }
    const measured = bootTimes(pool, memory, at);
    if (measured.length > 0) bootMs[pool.id] = measured;
    for (const instance of pool.input.instances) {
      if (instance.state !== "failed") continue;
      const key = failedKey(pool, instance);
      failedSince[key] = memory.failedSince?.[key] ?? at;
    }
    const shape =
      learnedShape(
        pool.pool,
        pool.nodes.filter((state) => state.standing === "up"),
      ) ?? memory.shapes[pool.id];
    if (shape !== undefined) shapes[pool.id] = shape;
    if (pool.launch !== null) launches[pool.id] = pool.launch;
  }
  return {
    v: 1,
    at,
    nodes,
    shapes: { ...shapesOfUnreadable(snapshot), ...shapes },
    hotSince: hotSince(fleet, memory, at),
    launches,
    bootMs,
    failedSince,
    ...countInterruptions(fleet, memory),
  };
}

/** A typing error in a policy must not make us forget what its nodes look like. */
function shapesOfUnreadable({ memory, policies }: Snapshot): Record<string, NodeShape> {
  const unreadable = policies
    .filter((policy) => policy.kind === "invalid")
    .map((policy) => `${policy.name}/`);
  return Object.fromEntries(
    Object.entries(memory.shapes).filter(([id]) => unreadable.some((prefix) => id.startsWith(prefix))),
  );
}

function hotSince(fleet: Fleet, memory: Memory, at: EpochMs): Record<string, EpochMs> {
  const since: Record<string, EpochMs> = {};
  for (const [policy, pools] of Map.groupBy(fleet.pools, (pool) => pool.policy)) {
    const reason: Reason | null = heat(fleet, pools, at);
    if (reason?.code === "utilization-high") since[policy] = memory.hotSince[policy] ?? at;
  }
  return since;
}
