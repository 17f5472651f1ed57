// What limits leave at the moment of a call, shared by all calls of one cycle: what one has taken, the next one
// does not have. Sizes are those of the snapshot until a call has read its group anew. The arithmetic of growth
// is the decision's own, handed in, so that both mean the same by "at most".

import type { Snapshot } from "../decide/snapshot.ts";
import type { ValidPolicy } from "./context.ts";
import type { GrowthBudget } from "./grow.ts";
import type { RemovalBudget } from "./shrink.ts";

/** How many nodes may be added to `pool`. */
export type AllowedGrowth = (input: {
  readonly policy: ValidPolicy;
  readonly pool: string;
  /** Of all pools of the policy whose size is known; this one's as read just now. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Nodes that this cycle has added to the policy already. */
  readonly addedNow: number;
  readonly snapshot: Snapshot;
}) => number;

export interface Budgets {
  growth(policy: ValidPolicy, pool: string): GrowthBudget;
  removal(policy: ValidPolicy, pool: string): RemovalBudget;
}

/** Sizes and what this cycle has added, of one policy. */
interface Ledger {
  readonly sizes: Map<string, number>;
  added: number;
}

export function createBudgets(snapshot: Snapshot, allowedGrowth: AllowedGrowth): Budgets {
  const ledgers = new Map<string, Ledger>();

  function ledgerOf(policy: ValidPolicy): Ledger {
    const known = ledgers.get(policy.name);
    if (known !== undefined) return known;
    const sizes = policy.pools.flatMap(({ name, group }) =>
      group.kind === "known" ? [[name, group.size] as const] : [],
    );
    const ledger = { sizes: new Map(sizes), added: 0 };
    ledgers.set(policy.name, ledger);
    return ledger;
  }

  return {
    growth: (policy, pool) => {
      const ledger = ledgerOf(policy);
      return {
        take: (size, wanted) => {
          ledger.sizes.set(pool, size);
          const allowed = allowedGrowth({
            policy,
            pool,
            sizes: ledger.sizes,
            addedNow: ledger.added,
            snapshot,
          });
          const granted = Math.max(0, Math.min(wanted, allowed));
          ledger.sizes.set(pool, size + granted);
          ledger.added += granted;
          return granted;
        },
        giveBack: (nodes) => {
          ledger.sizes.set(pool, (ledger.sizes.get(pool) ?? nodes) - nodes);
          ledger.added -= nodes;
        },
      };
    },
    removal: (policy, pool) => {
      const ledger = ledgerOf(policy);
      const minSize = policy.spec.nodePools.find(({ name }) => name === pool)?.minSize ?? 0;
      return {
        take: (size) => {
          ledger.sizes.set(pool, size);
          if (size - 1 < minSize || sum(ledger.sizes) - 1 < policy.spec.minNodes) return false;
          ledger.sizes.set(pool, size - 1);
          return true;
        },
        giveBack: () => {
          ledger.sizes.set(pool, (ledger.sizes.get(pool) ?? 0) + 1);
        },
      };
    },
  };
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((total, size) => total + size, 0);
}
