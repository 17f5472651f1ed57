// The tiers of each policy as they stand in this decision: in which of them a node can be bought, what the policy has
// of each, what it aims at, and why a growth goes where it goes. Shares have their say with expander `cost` alone:
// who names a rule has said what comes first. The floor of nodes that nobody takes away holds with each.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { ratio } from "../../../shared/model/units.ts";
import { TIER_ORDER } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { lessSpotReason, spotLess } from "../fleet/interruptions.ts";
import { ceilingOf, selfGrowthOf } from "../limits/group-bounds.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { TierStep } from "./market.ts";
import type { Offers } from "./offers.ts";
import type { Opened } from "./opened.ts";
import { divide, targetsOf } from "./shares.ts";
import type { ByTier } from "./shares.ts";

export interface Tiers {
  steps(policy: string, wanted: number, among?: readonly PoolState[]): readonly TierStep[];
  /** All tiers in which a pool of `among` can be bought, by the shares alone; `floor`: nodes that stay come first. */
  order(policy: string, wanted: number, among: readonly PoolState[]): TierOrder;
  /** What the policy of the pool aims at, of all tiers that it has. */
  targets(pool: PoolState): ByTier;
  because(pool: PoolState): readonly Reason[];
  notes(pool: PoolState): readonly Reason[];
}

export interface TierOrder {
  readonly tiers: readonly CapacityType[];
  /** The policy has fewer GPUs on nodes that stay than it always wants. */
  readonly belowFloor: boolean;
}

export function createTiers(
  fleet: Fleet,
  memory: Memory,
  { opened, offers }: { readonly opened: Opened; readonly offers: Offers },
): Tiers {
  const policies = Map.groupBy(fleet.pools, (pool) => pool.policy);
  const before = new Map([...policies.keys()].map((policy) => [policy, { ...opened.gpus(policy) }]));
  const isBuyable = (pool: PoolState): boolean =>
    pool.closed === null &&
    hasGpus(pool) &&
    selfGrowthOf(pool) === null &&
    pool.planned + opened.count(pool) < ceilingOf(pool) &&
    offers.of(pool).refusal === null;
  const aims = ({ policy, spec }: PoolState, tiers: readonly CapacityType[]): ByTier =>
    targetsOf(spec, tiers, spotLess(policy, memory, fleet.at));
  const dividedAmong = (pools: readonly PoolState[], wanted: number) => {
    const [first] = pools;
    if (first === undefined) return [];
    const tiers = tiersOf(pools);
    return divide(opened.gpus(first.policy), aims(first, tiers), { tiers, wanted, floor: floorOf(first) });
  };
  const missing = (pool: PoolState): number => Math.max(0, floorOf(pool) - firm(opened.gpus(pool.policy)));
  return {
    steps: (policy, wanted, among) => {
      const own = (among ?? policies.get(policy) ?? []).filter((pool) => pool.policy === policy);
      const [first] = own;
      if (first === undefined) return [];
      if (!(wanted > 0)) return [{ tier: null, gpus: 0 }];
      const pools = own.filter(isBuyable);
      if (pools.length === 0) return [];
      if (first.spec.expander === "cost") return dividedAmong(pools, wanted);
      const due = Math.min(wanted, missing(first));
      const kept = pools.filter((pool) => pool.pool.capacityType !== "spot");
      const steps: TierStep[] = kept.length > 0 && due > 0 ? [...dividedAmong(kept, due)] : [];
      const rest = steps.length > 0 ? wanted - due : wanted;
      return rest > 0 ? [...steps, { tier: null, gpus: rest }] : steps;
    },
    order: (policy, wanted, among) => {
      const pools = among.filter((pool) => pool.policy === policy && isBuyable(pool));
      const [first] = pools;
      return {
        tiers: dividedAmong(pools, wanted).map(({ tier }) => tier),
        belowFloor: first !== undefined && missing(first) > 0,
      };
    },
    targets: (pool) => aims(pool, tiersOf(policies.get(pool.policy) ?? [])),
    because: (pool) => {
      const tiers = tiersOf((policies.get(pool.policy) ?? []).filter(countsForShares));
      const had = before.get(pool.policy);
      if (had === undefined || tiers.length < 2 || !hasGpus(pool)) return [];
      const tier = pool.pool.capacityType;
      if (tier !== "spot" && firm(had) < floorOf(pool))
        return [{ code: "on-demand-floor", gpus: firm(had), floor: floorOf(pool) }];
      if (pool.spec.expander !== "cost") return [];
      const total = had.spot + firm(had);
      const share = ratio(total > 0 ? Math.min(1, Math.max(0, had[tier] / total)) : 0);
      return [{ code: "tier-share", tier, share, target: ratio(Math.min(1, aims(pool, tiers)[tier])) }];
    },
    notes: (pool) => {
      const reason = lessSpotReason(pool, memory, fleet.at);
      return reason === null ? [] : [reason];
    },
  };
}

function hasGpus(pool: PoolState): boolean {
  return (pool.gpusPerNode ?? 0) > 0;
}

function countsForShares(pool: PoolState): boolean {
  return (
    pool.gpusPerNode !== 0 && pool.blocked?.code !== "spot-disabled" && pool.closed?.code !== "tier-disabled"
  );
}

function floorOf({ spec }: PoolState): number {
  return spec.spot.onDemandFloorGpus;
}

/** GPUs on nodes that no cloud takes away. */
function firm(gpus: ByTier): number {
  return gpus["on-demand"] + gpus.reserved;
}

function tiersOf(pools: readonly PoolState[]): readonly CapacityType[] {
  return [...new Set(pools.map((pool) => pool.pool.capacityType))].sort(
    (a, b) => TIER_ORDER[a] - TIER_ORDER[b],
  );
}
