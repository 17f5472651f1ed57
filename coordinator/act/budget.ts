// What limits leave at the moment of a call, shared by all calls of one cycle: what one has taken, the next one
// does not have. Sizes are those of the snapshot until a call has read its group anew. The arithmetic is the
// decision's own, handed in, so that both mean the same by "at most" and "at least".

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import type { ValidPolicy } from "./context.ts";
import type { GrowthBudget } from "./grow.ts";
import type { RemovalBudget } from "./shrink.ts";

/** One question about `pool` at the moment of a call. */
export interface Asked {
  readonly policy: ValidPolicy;
  readonly pool: string;
  /** Of all pools of the policy whose size is known; this one's as read just now. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Nodes that this cycle has added to the policy already; of a removal, those that it has taken away. */
  readonly changedNow: number;
  /** Of a removal: why the node goes. */
  readonly disruption?: Disruption;
  readonly snapshot: Snapshot;
}

/** How many nodes may be added. */
export type AllowedGrowth = (asked: Asked) => number;
/** Why not even one node may be taken away; null when one may. */
export type RemovalRefused = (asked: Asked) => Reason | null;

export interface Limits {
  readonly allowedGrowth: AllowedGrowth;
  readonly removalRefused: RemovalRefused;
}

export interface Budgets {
  growth(policy: ValidPolicy, pool: string): GrowthBudget;
  removal(policy: ValidPolicy, pool: string): RemovalBudget;
}

/** Sizes and what this cycle has changed, of one policy. */
interface Ledger {
  readonly sizes: Map<string, number>;
  /** Pool → the end of the removal that was begun last. */
  readonly turns: Map<string, Promise<unknown>>;
  added: number;
  removed: number;
}

export function createBudgets(snapshot: Snapshot, { allowedGrowth, removalRefused }: Limits): Budgets {
  const ledgers = new Map<string, Ledger>();

  function ledgerOf(policy: ValidPolicy): Ledger {
    const known = ledgers.get(policy.name);
    if (known !== undefined) return known;
    const sizes = policy.pools.flatMap(({ name, group }) =>
      group.kind === "known" ? [[name, group.size] as const] : [],
    );
    const ledger = { sizes: new Map(sizes), turns: new Map(), added: 0, removed: 0 };
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
            changedNow: ledger.added,
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
      return {
        inTurn: async (run) => {
          const before = ledger.turns.get(pool);
          const turn = (before ?? Promise.resolve()).then(async () => await run(before !== undefined));
          // Whoever comes next waits for the end of this one, however it ends; who asked hears of it.
          ledger.turns.set(
            pool,
            turn.catch(() => {}),
          );
          return await turn;
        },
        take: (size, disruption) => {
          ledger.sizes.set(pool, size);
          const { sizes, removed: changedNow } = ledger;
          const why = disruption === undefined ? {} : { disruption };
          if (removalRefused({ policy, pool, sizes, changedNow, ...why, snapshot }) !== null) return false;
          ledger.sizes.set(pool, size - 1);
          ledger.removed += 1;
          return true;
        },
        giveBack: () => {
          ledger.sizes.set(pool, (ledger.sizes.get(pool) ?? 0) + 1);
          ledger.removed -= 1;
        },
      };
    },
  };
}
