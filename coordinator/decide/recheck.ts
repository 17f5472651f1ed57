// The limits asked once more, just before a call, with sizes read that moment: the same arithmetic as at the
// decision, so that both mean the same by "at most" and "at least". What other calls of the cycle have taken is in
// the sizes.

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import { assemble, poolsOf } from "./fleet/fleet.ts";
import type { Fleet, PoolState } from "./fleet/fleet.ts";
import { poolId } from "./fleet/ownership.ts";
import { keptByRival } from "./fleet/rivals.ts";
import { sane } from "./fleet/sane.ts";
import { costOf, gpusOf } from "./limits/counts.ts";
import { groupMaximumOf, selfGrowthOf } from "./limits/group-bounds.ts";
import { addedInWindow, allowedGrowth, removedInWindow } from "./limits/growth.ts";
import { leadsOf } from "./limits/lead.ts";
import { rateReached } from "./limits/removal.ts";
import { scheduleState } from "./limits/windows.ts";
import type { ScheduleState } from "./limits/windows.ts";
import { priceLookup } from "./market/price.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Recheck {
  readonly policy: { readonly name: string };
  readonly pool: string;
  /** Of all pools of the policy whose size is known; this one's as read just now. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Nodes that this cycle has added to the policy already; of a removal, those that it has taken away. */
  readonly changedNow: number;
  /** Of a removal: why the node goes. Absent: its cloud takes it. */
  readonly disruption?: Disruption;
  readonly snapshot: Snapshot;
}

/** How many nodes may be added to the pool now; 0 when that cannot be said. */
export function allowedNow(recheck: Recheck): number {
  const { changedNow, sizes } = recheck;
  const asked = askedOf(recheck);
  if (asked === null) return 0;
  const { fleet, pool, schedules } = asked;
  if (pool.blocked !== null) return 0;
  if (selfGrowthOf(pool) !== null || schedules.problemOf(pool.name) !== null) return 0;
  const all = sizesOf(fleet, pool, sizes);
  const usdPerHourOf = priceLookup(recheck.snapshot.prices);
  return allowedGrowth(pool.spec, pool.pool, {
    poolNodes: sizeOf(pool, sizes),
    policyNodes: sumOf(all),
    policyGpus: gpusOf(all),
    gpusPerNode: pool.gpusPerNode,
    added: addedInWindow(pool.journal, fleet.at) + changedNow,
    cost: { adds: usdPerHourOf(pool), now: costOf(all, usdPerHourOf) },
    poolCap: schedules.capOf(pool.name),
    groupMax: groupMaximumOf(pool),
    policyCap: schedules.capOf(null),
  }).nodes;
}

/** Why not even one node of the pool may be taken away now; null when one may. */
export function removalRefusedNow(recheck: Recheck): Reason | null {
  const { sizes, changedNow, disruption } = recheck;
  const asked = askedOf(recheck);
  if (asked === null) return { code: "size-unknown", detail: "the group's size at the time of the call" };
  const { fleet, pool, schedules } = asked;
  const { spec } = pool;
  const rival = keptByRival(pool.rivals);
  if (rival !== null && disruption !== undefined) return rival;
  // Without a cause of ours its cloud takes it: what is refused here would be bought again by its group.
  if (disruption !== undefined && spec.disruption.freeze) return { code: "frozen" };
  const problem = schedules.problemOf(pool.name);
  if (problem !== null) return problem;
  const left = sizeOf(pool, sizes) - 1;
  const { group } = pool.input;
  if (group.kind === "known" && group.min !== undefined && left < group.min)
    return { code: "group-minimum", group: group.min, minimum: pool.pool.minSize };
  const all = sumOf(sizesOf(fleet, pool, sizes));
  // What is ill holds no minimum: the decision has asked whether another one can come first.
  if (disruption !== "Unhealthy") {
    const own = Math.max(pool.pool.minSize, schedules.floorOf(pool.name)?.minimum ?? 0);
    if (left < own) return { code: "at-minimum", scope: "pool", minimum: own };
    const every = Math.max(spec.minNodes, schedules.floorOf(null)?.minimum ?? 0);
    if (all - 1 < every) return { code: "at-minimum", scope: "policy", minimum: every };
  }
  if (disruption === undefined) return null;
  const removed = removedInWindow(pool.journal, fleet.at) + changedNow;
  return rateReached(spec, { removed, before: all + removed });
}

interface Made {
  readonly fleet: Fleet;
  readonly memory: Snapshot["memory"];
}

/** A cycle asks of one snapshot once for each of its calls, and a large fleet takes its time to arrange. */
const MADE = new WeakMap<Snapshot, Made | null>();

function fleetOf(snapshot: Snapshot): Made | null {
  const known = MADE.get(snapshot);
  if (known !== undefined) return known;
  const read = sane(snapshot);
  const made = read === null ? null : { fleet: assemble(read.snapshot), memory: read.snapshot.memory };
  MADE.set(snapshot, made);
  return made;
}

interface Asked {
  readonly fleet: Fleet;
  readonly pool: PoolState;
  readonly schedules: ScheduleState;
}

/** Null: nobody may size the pool, or its size was not read. */
function askedOf({ policy, pool: name, sizes, snapshot }: Recheck): Asked | null {
  const made = fleetOf(snapshot);
  if (made === null) return null;
  const { fleet } = made;
  const pool = fleet.poolsById.get(poolId(policy.name, name));
  // A pool whose tier is switched off still loses nodes.
  const isOurs = pool?.blocked === null || pool?.blocked.code === "spot-disabled";
  if (pool === undefined || !isOurs || !isSize(sizes.get(name))) return null;
  const leads = leadsOf(fleet, pool.policy, made.memory);
  return { fleet, pool, schedules: scheduleState(pool.spec, fleet.at, leads) };
}

function sizesOf(fleet: Fleet, { policy }: PoolState, sizes: Recheck["sizes"]) {
  return poolsOf(fleet, policy).map((pool) => ({ pool, nodes: sizeOf(pool, sizes) }));
}

function sizeOf(pool: PoolState, sizes: Recheck["sizes"]): number {
  const size = sizes.get(pool.name);
  return isSize(size) ? size : pool.planned;
}

function sumOf(sizes: readonly { readonly nodes: number }[]): number {
  return sizes.reduce((sum, { nodes }) => sum + nodes, 0);
}

function isSize(size: number | undefined): size is number {
  return size !== undefined && Number.isSafeInteger(size) && size >= 0;
}
