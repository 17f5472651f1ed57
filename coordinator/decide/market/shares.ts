// Shares of spot, on-demand and reserved as targets in GPUs: which tier is most behind its own and how much of what is
// wanted each is due. A target only orders and divides; a tier in which nothing can be bought is passed over and its
// part goes to the others, so that no pod waits for a share. Priorities of pods have no say: work that must not be
// interrupted asks for its tier by a node selector, which holds also when the scheduler places it (A62).

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import { CAPACITY_TYPES } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import { TIER_ORDER } from "../fleet/fleet.ts";
import { firstDifference } from "../order.ts";

export type ByTier = Readonly<Record<CapacityType, number>>;

/** For one that is reserved. */
const ON_DEMAND_PARTS = 7;
/** Sums of shares are this exact; without it a tie would be decided by the last bit. */
const EXACT = 1e6;

/**
 * The shares of the tiers that there are; they add up to 1. What spot leaves is divided among the tiers that nobody
 * takes away, whichever of them there are, so that spot gets more than is written only where there is nothing else.
 */
export function targetsOf(spec: PolicySpec, tiers: readonly CapacityType[], spotLess = 0): ByTier {
  const firm = tiers.filter((tier) => tier !== "spot");
  const written = Math.max(0, spec.spotInstancePercentage - spotLess);
  const spot = !tiers.includes("spot") ? 0 : firm.length === 0 ? 1 : written;
  const weights = firmWeights(spec);
  const sum = firm.reduce((total, tier) => total + weights[tier], 0);
  return byTier((tier) => {
    if (tier === "spot") return spot;
    if (!firm.includes(tier)) return 0;
    return (1 - spot) * (sum > 0 ? weights[tier] / sum : 1 / firm.length);
  });
}

/** What is written of on-demand and reserved; of two that are unset, on-demand has seven parts of eight. */
function firmWeights(spec: PolicySpec): ByTier {
  const { onDemandPercentage: onDemand, reservedPercentage: reserved } = spec;
  const left = 1 - spec.spotInstancePercentage;
  if (onDemand === undefined && reserved === undefined)
    return { spot: 0, "on-demand": ON_DEMAND_PARTS, reserved: 1 };
  return {
    spot: 0,
    "on-demand": Math.max(0, onDemand ?? left - (reserved ?? 0)),
    reserved: Math.max(0, reserved ?? left - (onDemand ?? 0)),
  };
}

/** Tiers and GPUs of the next `wanted`, most behind first. Tiers that are not due any come last, with 0. */
export function divide(
  have: ByTier,
  targets: ByTier,
  about: { readonly tiers: readonly CapacityType[]; readonly wanted: number; readonly floor: number },
): readonly { readonly tier: CapacityType; readonly gpus: number }[] {
  const { tiers, wanted, floor } = about;
  // 1. The floor of nodes that nobody takes away comes before the shares.
  const firm = tiers.filter((tier) => tier !== "spot");
  const missing = firm.length === 0 ? 0 : Math.max(0, floor - have["on-demand"] - have.reserved);
  const first = filled(have, targets, firm, Math.min(wanted, missing));
  // 2. The rest by the shares, with what the floor has taken.
  const then = byTier((tier) => have[tier] + first[tier]);
  const rest = filled(then, targets, tiers, wanted - Math.min(wanted, missing));
  const due = rounded(
    byTier((tier) => first[tier] + rest[tier]),
    tiers,
    wanted,
  );
  const total = tiers.reduce((sum, tier) => sum + have[tier], wanted);
  const behind = (tier: CapacityType): number => Math.round((targets[tier] * total - have[tier]) * EXACT);
  return tiers
    .toSorted((a, b) =>
      firstDifference(
        missing > 0 ? Number(a === "spot") - Number(b === "spot") : 0,
        behind(b) - behind(a),
        TIER_ORDER[a] - TIER_ORDER[b],
      ),
    )
    .map((tier) => ({ tier, gpus: due[tier] }));
}

/** Fills the tiers that are furthest below their share up to one level, as water would. */
function filled(have: ByTier, targets: ByTier, tiers: readonly CapacityType[], wanted: number): ByTier {
  if (wanted <= 0 || tiers.length === 0) return byTier(() => 0);
  const withShare = tiers.filter((tier) => targets[tier] > 0);
  const [only] = tiers.toSorted((a, b) => TIER_ORDER[a] - TIER_ORDER[b]);
  if (withShare.length === 0) return byTier((tier) => (tier === only ? wanted : 0));
  // Fullest first: those that stand above the level get nothing and are left out of it.
  const open = withShare.toSorted((a, b) => have[b] / targets[b] - have[a] / targets[a]);
  while (open.length > 0) {
    const level =
      (wanted + open.reduce((sum, tier) => sum + have[tier], 0)) /
      open.reduce((sum, tier) => sum + targets[tier], 0);
    const [fullest] = open;
    if (fullest === undefined || targets[fullest] * level >= have[fullest])
      return byTier((tier) => (open.includes(tier) ? targets[tier] * level - have[tier] : 0));
    open.shift();
  }
  return byTier(() => 0);
}

/** Whole GPUs that add up to what is wanted: the largest parts of one first. */
function rounded(due: ByTier, tiers: readonly CapacityType[], wanted: number): ByTier {
  const whole = byTier((tier) => Math.floor(due[tier] + 1 / EXACT));
  let left = Math.round(wanted - tiers.reduce((sum, tier) => sum + whole[tier], 0));
  const byPart = tiers.toSorted((a, b) =>
    firstDifference(
      Math.round((due[b] - whole[b] - due[a] + whole[a]) * EXACT),
      TIER_ORDER[a] - TIER_ORDER[b],
    ),
  );
  const extra = new Set<CapacityType>();
  for (const tier of byPart) {
    if (left <= 0) break;
    extra.add(tier);
    left -= 1;
  }
  return byTier((tier) => whole[tier] + (extra.has(tier) ? 1 : 0));
}

function byTier(amount: (tier: CapacityType) => number): ByTier {
  const [spot, onDemand, reserved] = CAPACITY_TYPES;
  return { [spot]: amount(spot), [onDemand]: amount(onDemand), [reserved]: amount(reserved) };
}
