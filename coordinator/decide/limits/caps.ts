// The most that a policy allows each pool whose nodes something else adds: its own maximum, what the policy's maxima leave
// beside the other pools, and caps of schedules. It is worked out anew each time, since what others have changes. Whether
// the group can be held to it is for the back end; rates and money are not in it, since they end by themselves.

import { AMD_GPU_RESOURCE, GPU_RESOURCE } from "../../../shared/model/names.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { declaredTypes } from "../fleet/shape.ts";
import type { Cap, Move } from "../plan.ts";
import { gpusOf } from "./counts.ts";
import { selfGrowthOf } from "./group-bounds.ts";
import type { Ledger } from "./limits.ts";

/** `additions`: what this decision adds to other pools. A pool of which something is not known has no cap: none is guessed. */
export function capsOf(
  fleet: Fleet,
  ledger: Pick<Ledger, "schedulesOf">,
  additions: readonly Move[],
): readonly Cap[] {
  if (fleet.sync.kind === "unsynced") return [];
  return fleet.pools.filter(isHeld).flatMap((pool) => {
    const nodes = mostOf(fleet, pool, ledger, additions);
    if (nodes === null) return [];
    const gpus = gpusOfEach(pool);
    return [
      {
        policy: pool.policy,
        pool: pool.name,
        nodes,
        ...(gpus === null ? {} : { gpus: timesEach(gpus, nodes) }),
      },
    ];
  });
}

function isHeld(pool: PoolState): boolean {
  return (
    pool.pool.group?.scale?.manageLimits === true && pool.blocked === null && selfGrowthOf(pool) !== null
  );
}

function mostOf(
  fleet: Fleet,
  pool: PoolState,
  ledger: Pick<Ledger, "schedulesOf">,
  additions: readonly Move[],
): number | null {
  const { spec } = pool;
  const schedules = ledger.schedulesOf(pool);
  if (schedules.problemOf(pool.name) !== null) return null;
  const pools = poolsOf(fleet, pool.policy);
  if (pools.some(({ input: { group } }) => group.kind === "unknown" || group.kind === "missing")) return null;
  const others = pools
    .filter((other) => other !== pool)
    .map((other) => ({ pool: other, nodes: other.planned + addedTo(other, additions) }));
  const taken = others.reduce((sum, { nodes }) => sum + nodes, 0);
  const bounds = [
    pool.pool.maxSize,
    schedules.capOf(pool.name)?.maximum ?? Infinity,
    spec.maxNodes - taken,
    (schedules.capOf(null)?.maximum ?? Infinity) - taken,
  ];
  if (spec.maxGpus !== undefined && pool.gpusPerNode !== 0) {
    const gpus = gpusOf(others);
    if (gpus === null || pool.gpusPerNode === null) return null;
    bounds.push(Math.floor((spec.maxGpus - gpus) / pool.gpusPerNode));
  }
  return Math.max(0, Math.min(...bounds));
}

function addedTo({ policy, name }: PoolState, additions: readonly Move[]): number {
  return additions
    .filter((move) => move.policy === policy && move.pool === name)
    .reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
}

/** Whole GPUs of one node, by resource. Null: the pool has several types of machines, or nobody knows what they have. */
function gpusOfEach({ pool, input, shape }: PoolState): Readonly<Record<string, number>> | null {
  if (shape === null || declaredTypes(pool, input.template).length !== 1) return null;
  const has = shape.capacity ?? shape.allocatable;
  const found = [GPU_RESOURCE, AMD_GPU_RESOURCE].flatMap((name) => {
    const count = has[name] ?? 0;
    return count > 0 ? [[name, count] as const] : [];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}

function timesEach(gpus: Readonly<Record<string, number>>, nodes: number): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(gpus).map(([name, count]) => [name, count * nodes]));
}
