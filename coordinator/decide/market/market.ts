// What can be bought at this moment and what speaks for and against it: price, risk, failures, shares of tiers. Made
// once for a decision from the fleet and what is remembered; whoever opens a node asks here where.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";

/** Of one node-hour. Unknown is a value: nothing is guessed from other machines. */
export type Price =
  | {
      readonly kind: "known";
      readonly usdPerHour: number;
      readonly source: string;
      /** When the source said so. */
      readonly at: EpochMs;
    }
  | { readonly kind: "unknown"; readonly because: string };

export interface Offer {
  readonly pool: PoolState;
  readonly price: Price;
  /** Price with the cost of the interruptions that were measured; null: the price is not known. */
  readonly effectiveUsdPerHour: number | null;
  /** Why demand opens no node in it now: what failed there, its price under a cap. Null: it may. */
  readonly refusal: Reason | null;
  /** Failed a while ago: one node at most, until one has come. */
  readonly probe: boolean;
}

/** Pods of one kind that want new nodes; null when nodes are wanted for no pod in particular. */
export interface Need {
  readonly requests: Resources;
  readonly pods: number;
}

export interface Market {
  offerOf(pool: PoolState): Offer;
  /** Best first. `last`: pools to be asked when no other is left, as the one that is just losing its nodes. */
  rank(pools: readonly PoolState[], need: Need | null, last?: ReadonlySet<string>): readonly PoolState[];
  /**
   * The tiers of a policy for its next GPUs, most behind its share first, and how many GPUs the first may take
   * before another is further behind. `wanted`: GPUs that this decision is still to add; what was opened before in
   * this decision is counted by `opened`.
   */
  tiers(policy: string, wanted: number): readonly { readonly tier: CapacityType; readonly gpus: number }[];
  /** A node of the pool was opened in this decision. */
  opened(pool: PoolState): void;
  /** Takes back the last `opened` of the pool: its gang did not fit. */
  withdrawn(pool: PoolState): void;
}
