// What each pool with a `behavior` was recommended to be in this decision, whatever kept it from it: the windows of
// the next decisions look back on it. A decision that could not see everything recommends nothing, and the windows
// grow older.

import type { PoolState } from "../fleet/fleet.ts";
import { waitsForBehavior, withRecommendation } from "../limits/pace.ts";
import type { Packing } from "../pack/packing.ts";
import type { Move } from "../plan.ts";
import type { Memory } from "../snapshot-memory.ts";

/** Empty where no policy has a `behavior`. `before`: of the last decision. */
export function rememberBehavior(
  packing: Packing,
  moves: readonly Move[],
  before: Memory,
): Pick<Memory, "behavior"> {
  const { fleet, ledger } = packing;
  const behavior: Record<string, NonNullable<Memory["behavior"]>[string]> = {};
  for (const pool of fleet.pools) {
    const history = ledger.historyOf(pool);
    if (history === null) continue;
    if (fleet.sync.kind === "unsynced") {
      // What happened is remembered all the same: the next decision looks no further back than this one.
      if (before.behavior?.[pool.id] !== undefined) behavior[pool.id] = history;
      continue;
    }
    const exempt = exemptNodes(packing, pool, moves);
    behavior[pool.id] = withRecommendation(pool, history, wantedSize(packing, pool), exempt, fleet.at);
  }
  return Object.keys(behavior).length === 0 ? {} : { behavior };
}

/** With what demand was given and what a pause kept from it, and without what nobody needs. */
function wantedSize({ ledger, board }: Packing, pool: PoolState): number {
  // What answers a notice and is not asked for is a machine that the group makes itself, and in its size already.
  const held = board.bins.filter(
    (bin) => bin.pool === pool && bin.held !== null && bin.notice === null,
  ).length;
  const up = ledger.added(pool).demand + held + ledger.keptBack(pool);
  return Math.max(0, pool.planned + up - ledger.removable(pool));
}

/** By the key of the move: nodes that are no event of `behavior`. */
function exemptNodes({ ledger }: Packing, pool: PoolState, moves: readonly Move[]): Record<string, number> {
  const exempt: Record<string, number> = {};
  for (const move of moves) {
    if (move.policy !== pool.policy || move.pool !== pool.name) continue;
    const nodes = exemptOf(move, ledger.added(pool).demand);
    if (nodes > 0) exempt[move.key] = nodes;
  }
  return exempt;
}

function exemptOf(move: Move, demand: number): number {
  switch (move.kind) {
    case "grow":
      return move.to - move.from - demand;
    case "shrink": {
      const byCap = move.because.some(({ code }) => code === "schedule-cap");
      const inExchange = move.disruption !== undefined && !waitsForBehavior(move.disruption);
      return byCap || inExchange ? move.from - move.to : 0;
    }
    case "replace":
    case "release":
      return 0;
    default:
      return move satisfies never;
  }
}
