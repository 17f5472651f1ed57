// The numbers that status and metrics show of each policy. What is not known is null or left out, never zero.

import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { freshness } from "../fleet/fresh.ts";
import { loadOf } from "../fleet/load.ts";
import { workloads } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import { downCooldownLeft, upCooldownLeft } from "../limits/cooldown.ts";
import type { Packing } from "../pack/packing.ts";
import type { PolicyFigures } from "../plan.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";

export function figuresOf(packing: Packing, pods: readonly PodInput[], memory: Memory): PolicyFigures[] {
  const { fleet } = packing;
  const pending = pendingByPolicy(packing, pods);
  return [...Map.groupBy(fleet.pools, (pool) => pool.policy)].map(([policy, pools]) => {
    const nodes = pools.flatMap((pool) => pool.nodes);
    return {
      policy,
      pools: pools.map(({ name, size, ready, booting }) => ({ pool: name, size, ready, booting })),
      utilization: loadOf(nodes, fleet.at).mean,
      pendingPods: pending.get(policy) ?? 0,
      underutilizedNodes: pools.flatMap((pool) =>
        pool.nodes.filter((state) => isUnderused(state, pool, memory, fleet.at)),
      ).length,
      unknownNodes: nodes.filter((state) => isUnknown(state, fleet.at)).length,
      upCooldownMs: Object.fromEntries(pools.map((pool) => [pool.name, upCooldownLeft(pool, fleet.at)])),
      downCooldownMs: Object.fromEntries(pools.map((pool) => [pool.name, downCooldownLeft(pool, fleet.at)])),
    };
  });
}

/** GPU pods that the scheduler cannot place and that a pool of the policy could take, young ones included. */
function pendingByPolicy({ feasible }: Packing, pods: readonly PodInput[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const pod of pods) {
    if (
      pod.node !== null ||
      pod.waiting?.kind !== "unschedulable" ||
      pod.daemon ||
      pod.mirror ||
      pod.terminating
    )
      continue;
    if (gpusIn(pod.requests) === 0) continue;
    for (const policy of new Set(feasible(pod).pools.map((pool) => pool.policy)))
      counts.set(policy, (counts.get(policy) ?? 0) + 1);
  }
  return counts;
}

/** Its whole window is over, empty or idle; whether it may go is another question. */
function isUnderused(state: NodeState, { spec }: PoolState, memory: Memory, at: Memory["at"]): boolean {
  const timers = memory.nodes[state.name];
  if (timers === undefined || at === null) return false;
  if (workloads(state).length === 0)
    return timers.emptySince !== null && elapsed(timers.emptySince, at) >= spec.emptySeconds * 1000;
  return timers.idleSince !== null && elapsed(timers.idleSince, at) >= spec.idleSeconds * 1000;
}

function isUnknown(state: NodeState, at: NonNullable<Memory["at"]>): boolean {
  if (state.standing !== "up" || gpusIn(state.node.allocatable) === 0) return false;
  return freshness(state.node.telemetry, at).kind !== "fresh";
}
