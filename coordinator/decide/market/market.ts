// What can be bought at this moment and what speaks for and against it: price, risk, failures, shares of tiers. Made
// once for a decision from the fleet and what is remembered; whoever opens a node asks here where. Limits, cooldowns
// and whether a pod fits are asked elsewhere.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { PricePoint } from "../snapshot.ts";
import { createOffers } from "./offers.ts";
import { createOpened } from "./opened.ts";
import { createRank } from "./rank.ts";
import type { ByTier } from "./shares.ts";
import { createTiers } from "./tiers.ts";
import { createTrials } from "./trials.ts";

/** Of one node-hour. Unknown is a value: nothing is guessed from other machines. */
export type Price =
  | {
      readonly kind: "known";
      readonly usdPerHour: number;
      readonly source: string;
      /** When the source said so; null: the policy, which holds until it is changed. */
      readonly at: EpochMs | null;
    }
  | { readonly kind: "unknown"; readonly because: string };

export interface Offer {
  readonly pool: PoolState;
  readonly price: Price;
  /** Price with the cost of the interruptions that were measured; null: the price is not known. */
  readonly effectiveUsdPerHour: number | null;
  /** Why demand opens no node in it now: what failed there. Null: it may. Asked anew for each node. */
  readonly refusal: Reason | null;
  /** Failed a while ago: one node at most, until one has come. */
  readonly probe: boolean;
}

/** Pods of one kind that want new nodes; null when nodes are wanted for no pod in particular. */
export interface Need {
  readonly requests: Resources;
  readonly pods: number;
}

/** How many GPUs of what is wanted are due to a tier; null: to any, as `rank` says, since shares have no say in it. */
export interface TierStep {
  readonly tier: CapacityType | null;
  readonly gpus: number;
}

export interface Market {
  offerOf(pool: PoolState): Offer;
  /**
   * Best first, for the next node; the shares have their say in it. Ask again after `opened`, since that changes
   * what is behind. `last`: pools to be asked when no other is left, as the one that is just losing its nodes.
   */
  rank(pools: readonly PoolState[], need: Need | null, last?: ReadonlySet<string>): readonly PoolState[];
  /**
   * The tiers of a policy for its next GPUs, most behind its share first, and how many GPUs each is due; together
   * they are `wanted`. Only tiers in which a node can be bought, in a pool of `among` where that is given: with none
   * it is empty. What was opened before in this decision is counted by `opened`.
   */
  tiers(policy: string, wanted: number, among?: readonly PoolState[]): readonly TierStep[];
  /** The shares that the policy of the pool aims at now, of all tiers that it has. */
  targets(pool: PoolState): ByTier;
  /** A node of the pool was opened in this decision. */
  opened(pool: PoolState): void;
  /** Takes back the last `opened` of the pool: its gang did not fit. */
  withdrawn(pool: PoolState): void;
  /** What a growth of the pool is told of the market, beside its cause: that it is a probe, whose share it fills. */
  because(pool: PoolState): readonly Reason[];
  /** What the market says of the pool whether it grows or not. */
  notes(pool: PoolState): readonly Reason[];
  /** What failed to launch in pools of the policy and is not forgotten, for its status. */
  offerings(policy: string): readonly OfferingMemory[];
  /** When a machine of the policy last failed to come; null: none that is remembered did. */
  failedAt(policy: string): EpochMs | null;
}

export function createMarket(fleet: Fleet, memory: Memory, prices: readonly PricePoint[] = []): Market {
  const opened = createOpened(fleet);
  const trials = createTrials(fleet, memory);
  const offers = createOffers(fleet, memory, { prices, opened, trials });
  const tiers = createTiers(fleet, memory, { opened, offers });
  return {
    offerOf: offers.of,
    rank: createRank(fleet, { opened, offers, tiers }),
    tiers: tiers.steps,
    targets: tiers.targets,
    opened: opened.add,
    withdrawn: opened.remove,
    because: (pool) => [...offers.because(pool), ...tiers.because(pool)],
    notes: tiers.notes,
    offerings: trials.failures,
    failedAt: trials.failedAt,
  };
}
