// Since when each node could have been emptied onto the others and what that would save an hour. Each node is looked at
// alone, before anything goes, so that the time of one does not begin again because another goes.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Market } from "../market/market.ts";
import type { Candidate, Movability } from "../rule.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { Rehouse } from "./rehouse.ts";

export interface Movables {
  of(candidate: Candidate): Movability;
  /** Node → since when it has been movable; those that were not asked about, or are not, are left out. */
  readonly since: ReadonlyMap<string, EpochMs>;
}

export function createMovables(
  rehouse: Pick<Rehouse, "trial">,
  market: Pick<Market, "offerOf">,
  at: EpochMs,
): Movables {
  const known = new Map<string, Movability>();
  const since = new Map<string, EpochMs>();
  const look = ({ pool, state, timers, pods }: Candidate): Movability => {
    const { price } = market.offerOf(pool);
    if (price.kind === "unknown" || price.usdPerHour <= 0) return { kind: "not-cheaper" };
    const verdict = rehouse.trial(state.name, pods);
    if (verdict.kind !== "fits") return verdict;
    const begun = timers.movableSince ?? at;
    since.set(state.name, begun);
    return { kind: "movable", forMs: elapsed(begun, at), savesUsdPerHour: price.usdPerHour };
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
