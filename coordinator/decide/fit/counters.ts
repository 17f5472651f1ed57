// The counters of a topology by what they count, and which of them a kind of pod reads and moves. Pods with the same
// terms share their counters; asking and counting itself is topology.ts.

import type { Place } from "./check.ts";
import { leavesOut, createScope, createSpread, createTally } from "./domains.ts";
import type { Scope, Spread, Tally } from "./domains.ts";
import type { PodKind } from "./kind.ts";
import type { SpreadUse } from "./terms.ts";

export interface TermTally {
  readonly terms: readonly number[];
  readonly tally: Tally;
}

/** What a pod of one kind reads, and what it moves where it goes. */
export interface Links {
  /** Affinity: of each label, pods that meet all of its terms together, as the scheduler counts them. */
  readonly needs: readonly Tally[];
  /** Whether it meets its affinity terms itself, so that it may be the first. */
  readonly selfAffine: boolean;
  readonly avoids: readonly TermTally[];
  readonly avoidedBy: readonly TermTally[];
  readonly spread: readonly { readonly use: SpreadUse; readonly spread: Spread; readonly self: 0 | 1 }[];
  readonly tallies: readonly Tally[];
  /** Pods that are on their way out do not count here. */
  readonly spreads: readonly Spread[];
}

export interface Counters {
  readonly places: Set<Place>;
  readonly scopes: ReadonlyMap<string, Scope>;
  /** Makes the counters that the kind reads; entering twice changes nothing. */
  enter(kind: PodKind): void;
  linksOf(kind: PodKind): Links;
}

export function createCounters(): Counters {
  const places = new Set<Place>();
  const scopes = new Map<string, Scope>();
  /** Pods that meet all of some terms; pods that have an anti-affinity term; pods that a constraint counts. */
  const meeting = createShelf<TermTally>();
  const holding = createShelf<TermTally>();
  const spreading = createShelf<{ readonly term: number; readonly spread: Spread }>();

  const meet = (terms: readonly number[], topologyKey: string): TermTally =>
    meeting.get(terms[0] ?? -1, `${terms.join()} ${topologyKey}`, () => ({
      terms,
      tally: createTally(topologyKey),
    }));
  const hold = (term: number, topologyKey: string): TermTally =>
    holding.get(term, `${term} ${topologyKey}`, () => ({
      terms: [term],
      tally: createTally(topologyKey),
    }));
  const scopeOf = ({ pod, where }: PodKind, { constraint }: SpreadUse): readonly [string, Scope] => {
    const keys = [...new Set((pod.spread ?? []).map((other) => other.topologyKey))].sort();
    const { nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
    const asks = leavesOut(pod, constraint) ? where : "all";
    const id = JSON.stringify([nodeAffinityPolicy, nodeTaintsPolicy, asks, keys]);
    const scope = scopes.get(id) ?? createScope(pod, constraint, new Set(keys), places);
    scopes.set(id, scope);
    return [id, scope];
  };
  const spreadOf = (kind: PodKind, use: SpreadUse): Spread => {
    const [id, scope] = scopeOf(kind, use);
    return spreading.get(use.term, `${use.term} ${use.topologyKey} ${id}`, () => ({
      term: use.term,
      spread: createSpread(use.topologyKey, scope),
    })).spread;
  };
  const needsOf = ({ affinity }: PodKind): Tally[] => {
    const terms = [...new Set(affinity.map(({ term }) => term))].sort((a, b) => a - b);
    return [...new Set(affinity.map(({ topologyKey }) => topologyKey))].map((key) => meet(terms, key).tally);
  };

  return {
    places,
    scopes,
    enter: (kind) => {
      needsOf(kind);
      for (const { term, topologyKey } of kind.antiAffinity) {
        meet([term], topologyKey);
        hold(term, topologyKey);
      }
      for (const use of kind.spread) spreadOf(kind, use);
    },
    linksOf: (kind) => {
      const { selectedBy, affinity, antiAffinity, spread } = kind;
      return {
        needs: needsOf(kind),
        selfAffine: affinity.every(({ term }) => selectedBy.has(term)),
        avoids: antiAffinity.map(({ term, topologyKey }) => meet([term], topologyKey)),
        avoidedBy: holding.of(selectedBy),
        spread: spread.map((use) => ({
          use,
          spread: spreadOf(kind, use),
          self: selectedBy.has(use.term) ? 1 : 0,
        })),
        tallies: [
          ...meeting.of(selectedBy).filter(({ terms }) => terms.every((term) => selectedBy.has(term))),
          ...antiAffinity.map(({ term, topologyKey }) => hold(term, topologyKey)),
        ].map(({ tally }) => tally),
        spreads: spreading.of(selectedBy).map((entry) => entry.spread),
      };
    },
  };
}

/** Counters by their name, and by the term under which they are found. */
function createShelf<T>(): {
  get(term: number, id: string, make: () => T): T;
  of(terms: ReadonlySet<number>): T[];
} {
  const byId = new Map<string, T>();
  const byTerm = new Map<number, T[]>();
  return {
    get: (term, id, make) => {
      const before = byId.get(id);
      if (before !== undefined) return before;
      const made = make();
      byId.set(id, made);
      const others = byTerm.get(term);
      if (others === undefined) byTerm.set(term, [made]);
      else others.push(made);
      return made;
    },
    of: (terms) => [...terms].flatMap((term) => byTerm.get(term) ?? []),
  };
}
