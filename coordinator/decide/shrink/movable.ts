// Since when each node could have been emptied onto the others and what that would save an hour. Each node is looked at
// alone, before anything goes, so that the time of one does not begin again because another goes. An empty node that
// would go by itself is no room that costs nothing: to fill it is to keep it.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { hasTenants } from "../fleet/tenants.ts";
import { neededForHeadroom } from "../grow/headroom.ts";
import { minimumBroken } from "../limits/minima.ts";
import type { Going } from "../limits/minima.ts";
import type { Market } from "../market/market.ts";
import type { Packing } from "../pack/packing.ts";
import type { Candidate, Movability } from "../rule.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { Rehouse } from "./rehouse.ts";

const NOTHING_GOES: Going = new Map();

export interface Movables {
  of(candidate: Candidate): Movability;
  /** Node → since when it has been movable; those that were not asked about, or are not, are left out. */
  readonly since: ReadonlyMap<string, EpochMs>;
}

export interface MovablesOptions {
  readonly rehouse: Pick<Rehouse, "trial">;
  readonly market: Pick<Market, "offerOf">;
  readonly spare: ReadonlyMap<string, PoolState>;
  readonly at: EpochMs;
}

export function createMovables({ rehouse, market, spare, at }: MovablesOptions): Movables {
  const known = new Map<string, Movability>();
  const since = new Map<string, EpochMs>();
  const priceOf = (pool: PoolState): number | null => {
    const { price } = market.offerOf(pool);
    return price.kind === "known" ? price.usdPerHour : null;
  };
  const look = ({ pool, state, timers, pods }: Candidate): Movability => {
    const usdPerHour = priceOf(pool);
    if (usdPerHour === null || usdPerHour <= 0) return { kind: "not-cheaper" };
    const verdict = rehouse.trial(state.name, pods, true);
    if (verdict.kind !== "fits") return verdict;
    let savesUsdPerHour = usdPerHour;
    for (const node of verdict.onto) {
      const of = spare.get(node);
      const kept = of === undefined ? 0 : priceOf(of);
      if (kept === null) return { kind: "not-cheaper" };
      savesUsdPerHour -= kept;
    }
    if (savesUsdPerHour <= 0) return { kind: "not-cheaper" };
    const begun = timers.movableSince ?? at;
    since.set(state.name, begun);
    return { kind: "movable", forMs: elapsed(begun, at), savesUsdPerHour };
  };
  return {
    since,
    of: (candidate) => {
      const before = known.get(candidate.state.name);
      if (before !== undefined) return before;
      const verdict = look(candidate);
      known.set(candidate.state.name, verdict);
      return verdict;
    },
  };
}

/** Empty nodes that nothing asks for, with their pools, where nodes are moved to save. What is reserved costs the same empty or full. */
export function spareNodes(packing: Packing): ReadonlyMap<string, PoolState> {
  const { fleet, board, ledger } = packing;
  const spare = new Map<string, PoolState>();
  for (const pool of fleet.pools) {
    const { enabled, consolidation } = pool.spec;
    if (!enabled || !consolidation.enabled || pool.pool.capacityType === "reserved") continue;
    if (minimumBroken(fleet, pool, NOTHING_GOES) !== null || ledger.floorBroken(pool, NOTHING_GOES) !== null)
      continue;
    for (const state of pool.nodes) {
      if (board.byNode.get(state.name)?.placed.length !== 0 || hasTenants(state, fleet.at)) continue;
      if (neededForHeadroom(packing, pool, state.name, []) === null) spare.set(state.name, pool);
    }
  }
  return spare;
}

/** What the next decision is told of it. */
export function withMovable(nodes: Memory["nodes"], since: ReadonlyMap<string, EpochMs>): Memory["nodes"] {
  let changed = false;
  for (const name in nodes) changed ||= nodes[name]?.movableSince !== since.get(name);
  if (!changed) return nodes;
  const updated: Record<string, NodeMemory> = {};
  for (const name in nodes) {
    const timers = nodes[name];
    if (timers === undefined) continue;
    const begun = since.get(name);
    updated[name] = timers.movableSince === begun ? timers : withBeginning(timers, begun);
  }
  return updated;
}

function withBeginning(
  { movableSince: _before, ...rest }: NodeMemory,
  begun: EpochMs | undefined,
): NodeMemory {
  return begun === undefined ? rest : { ...rest, movableSince: begun };
}
