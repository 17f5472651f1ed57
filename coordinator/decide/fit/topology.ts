// Where pods stand by topology domain, for affinity, anti-affinity and spread: counters that follow each placement
// and each withdrawal, so that a check costs no walk over the fleet. The rules are the scheduler's own; which nodes
// there are, and who is put where, is for the board that calls it.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Place } from "./check.ts";
import { createCounters } from "./counters.ts";
import type { Links, TermTally } from "./counters.ts";
import { resize, shift } from "./domains.ts";
import type { Spread } from "./domains.ts";
import type { Kinds, PodKind } from "./kind.ts";
import { domainOf } from "./place.ts";
import type { SpreadUse } from "./terms.ts";

export interface Topology {
  /** Counts the pod at the place; `remove` takes back exactly that. */
  add(pod: PodInput, place: Place): void;
  remove(pod: PodInput, place: Place): void;
  /** A place whose domains exist from now on, with nothing on it; `close` takes back exactly that. */
  open(place: Place): void;
  close(place: Place): void;
  /** Such a node may be opened: its domains count as if it were there, but for its host. -1 takes it back. */
  foresee(place: Place, by: 1 | -1): void;

  /** The label of the first affinity term that the place does not meet; null when it meets all. */
  unmetAffinity(kind: PodKind, place: Place): string | null;
  /** What keeps the pod away: a term of its own, or one of a pod that stands in the same domain. */
  conflict(kind: PodKind, place: Place): Conflict | null;
  /** The first spread constraint of the pod that it would break here. */
  unevenness(kind: PodKind, place: Place): Unevenness | null;
  /** The pod behind a conflict, the first by name. A walk over all pods: for reasons, not for the search. */
  standing(conflict: Conflict): PodInput | null;
}

export interface Conflict {
  /** `own`: a pod that it selects is there. `other`: a pod is there that selects it. */
  readonly whose: "own" | "other";
  readonly term: number;
  readonly topologyKey: string;
  readonly domain: string;
}

export interface Unevenness {
  readonly topologyKey: string;
  /** Null: the place has no such label. */
  readonly domain: string | null;
  readonly skew: number;
  readonly maxSkew: number;
}

export function createTopology(kinds: Kinds): Topology {
  const counters = createCounters();
  for (const kind of kinds.all) counters.enter(kind);
  const links: (Links | undefined)[] = [];
  const placed = new Map<PodInput, Place>();
  /** Found since the last change. An explanation asks for the same ones again and again. */
  const behind = new Map<string, PodInput | null>();

  const linksOf = (kind: PodKind): Links => {
    const before = links[kind.id];
    if (before !== undefined) return before;
    counters.enter(kind);
    const found = counters.linksOf(kind);
    links[kind.id] = found;
    return found;
  };
  const count = (pod: PodInput, place: Place, by: 1 | -1): void => {
    if (behind.size > 0) behind.clear();
    const { tallies, spreads } = linksOf(kinds.of(pod));
    for (const { topologyKey, counts } of tallies) {
      const domain = domainOf(place, topologyKey);
      if (domain !== null) shift(counts, domain, by);
    }
    if (!pod.terminating) for (const spread of spreads) spread.add(place, by);
  };

  return {
    add: (pod, place) => {
      placed.set(pod, place);
      count(pod, place, 1);
    },
    remove: (pod, place) => {
      placed.delete(pod);
      count(pod, place, -1);
    },
    open: (place) => {
      counters.places.add(place);
      for (const scope of counters.scopes.values()) resize(scope, place, 1);
    },
    close: (place) => {
      counters.places.delete(place);
      for (const scope of counters.scopes.values()) resize(scope, place, -1);
    },
    foresee: (place, by) => {
      for (const scope of counters.scopes.values()) resize(scope, place, by, NODE_LABEL.hostname);
    },
    unmetAffinity: (kind, place) => unmet(linksOf(kind), place),
    conflict: (kind, place) => {
      if (kind.plain) return null;
      const { avoids, avoidedBy } = linksOf(kind);
      return clash(avoids, place, "own") ?? clash(avoidedBy, place, "other");
    },
    unevenness: (kind, place) => {
      if (kind.spread.length === 0) return null;
      for (const { use, spread, self } of linksOf(kind).spread) {
        const found = uneven(use, spread, self, place);
        if (found !== null) return found;
      }
      return null;
    },
    standing: (conflict) => {
      const id = JSON.stringify(conflict);
      const before = behind.get(id);
      if (before !== undefined) return before;
      let first: PodInput | null = null;
      for (const [pod, place] of placed) {
        if (first !== null && first.key < pod.key) continue;
        if (isBehind(conflict, kinds.of(pod), place)) first = pod;
      }
      behind.set(id, first);
      return first;
    },
  };
}

function isBehind(
  { whose, term, topologyKey, domain }: Conflict,
  { selectedBy, antiAffinity }: PodKind,
  place: Place,
): boolean {
  if (domainOf(place, topologyKey) !== domain) return false;
  if (whose === "own") return selectedBy.has(term);
  return antiAffinity.some((use) => use.term === term && use.topologyKey === topologyKey);
}

/** The scheduler lets the first of a group through where nobody meets its terms yet, itself aside. */
function unmet({ needs, selfAffine }: Links, place: Place): string | null {
  let missing: string | null = null;
  for (const { topologyKey, counts } of needs) {
    const domain = domainOf(place, topologyKey);
    if (domain === null) return topologyKey;
    if (missing === null && !counts.has(domain)) missing = topologyKey;
  }
  if (missing === null) return null;
  return selfAffine && needs.every(({ counts }) => counts.size === 0) ? null : missing;
}

/** A place without the label is in no domain, so nobody else is in it either. */
function clash(entries: readonly TermTally[], place: Place, whose: Conflict["whose"]): Conflict | null {
  for (const { terms, tally } of entries) {
    if (tally.counts.size === 0) continue;
    const { topologyKey, counts } = tally;
    const domain = domainOf(place, topologyKey);
    if (domain !== null && counts.has(domain)) return { whose, term: terms[0] ?? -1, topologyKey, domain };
  }
  return null;
}

function uneven({ constraint }: SpreadUse, spread: Spread, self: 0 | 1, place: Place): Unevenness | null {
  const { topologyKey, maxSkew, minDomains } = constraint;
  const domain = domainOf(place, topologyKey);
  if (domain === null) return { topologyKey, domain, skew: 0, maxSkew };
  const skew = spread.count(domain) + self - spread.least(minDomains);
  return skew > maxSkew ? { topologyKey, domain, skew, maxSkew } : null;
}
