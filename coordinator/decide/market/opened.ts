// What this decision has opened so far, by pool, by offering and by zone, beside what was there before: the ties that
// spread nodes have to see it. Only counts; limits have their own ledger.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { offeringOf, typeOf, zonesOf } from "../fleet/offering.ts";

export interface Opened {
  add(pool: PoolState): void;
  remove(pool: PoolState): void;
  /** Nodes that this decision has opened in the pool. */
  count(pool: PoolState): number;
  /** Nodes that the policy has or will have of the pool's type in its zone and tier. */
  ofOffering(pool: PoolState): number;
  /** Likewise of its type in any zone. */
  ofType(pool: PoolState): number;
  /** Likewise in its zone, of any type: for a pool with several the mean. */
  ofZone(pool: PoolState): number;
  /** GPUs that the policy has or will have in each tier. */
  gpus(policy: string): Readonly<Record<CapacityType, number>>;
}

/** By policy, since each spreads its own nodes. */
interface PolicyCount {
  readonly nodes: Map<string, number>;
  readonly gpus: Record<CapacityType, number>;
}

/** Under which names a node of the pool is counted. */
interface Names {
  readonly offering: string;
  readonly type: string;
  readonly zones: readonly string[];
}

export function createOpened(fleet: Fleet): Opened {
  const counts = new Map<string, number>();
  const policies = new Map<string, PolicyCount>();
  const names = new Map<string, Names>();
  const of = ({ policy }: { readonly policy: string }): PolicyCount => {
    const known = policies.get(policy);
    if (known !== undefined) return known;
    const count: PolicyCount = { nodes: new Map(), gpus: { spot: 0, "on-demand": 0, reserved: 0 } };
    policies.set(policy, count);
    return count;
  };
  const namesOf = (pool: PoolState): Names => {
    const known = names.get(pool.id);
    if (known !== undefined) return known;
    const made: Names = {
      offering: `offering ${offeringOf(pool)}`,
      type: `type ${typeOf(pool)}|${pool.pool.capacityType}`,
      zones: zonesOf(pool).map((zone) => `zone ${zone}`),
    };
    names.set(pool.id, made);
    return made;
  };
  const shift = (pool: PoolState, by: number): void => {
    if (by === 0) return;
    const { nodes, gpus } = of(pool);
    const { offering, type, zones } = namesOf(pool);
    increase(nodes, offering, by);
    increase(nodes, type, by);
    for (const zone of zones) increase(nodes, zone, by / zones.length);
    const added = by * (pool.gpusPerNode ?? 0);
    // The rest of a group that mixes both is bought on demand.
    const mixed = pool.pool.capacityType === "spot" ? (pool.pool.spotPercentage ?? 1) : 1;
    gpus[pool.pool.capacityType] += added * mixed;
    gpus["on-demand"] += added * (1 - mixed);
  };
  for (const pool of fleet.pools) shift(pool, staying(pool));
  const step = (pool: PoolState, by: 1 | -1): void => {
    counts.set(pool.id, (counts.get(pool.id) ?? 0) + by);
    shift(pool, by);
  };
  const nodesOf = (pool: PoolState, name: string): number => of(pool).nodes.get(name) ?? 0;
  return {
    add: (pool) => {
      step(pool, 1);
    },
    remove: (pool) => {
      step(pool, -1);
    },
    count: (pool) => counts.get(pool.id) ?? 0,
    ofOffering: (pool) => nodesOf(pool, namesOf(pool).offering),
    ofType: (pool) => nodesOf(pool, namesOf(pool).type),
    ofZone: (pool) => {
      const { zones } = namesOf(pool);
      return zones.reduce((sum, zone) => sum + nodesOf(pool, zone), 0) / Math.max(1, zones.length);
    },
    gpus: (policy) => of({ policy }).gpus,
  };
}

/** What works and stays, and what is still to come: what failed, is late or is about to go counts for no share. */
function staying(pool: PoolState): number {
  const here = pool.nodes.filter(
    ({ standing, notice, draining }) => standing === "up" && notice === null && !draining,
  );
  return here.length + pool.booting;
}

function increase(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
