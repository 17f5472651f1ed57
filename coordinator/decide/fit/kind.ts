// Pods that every check treats alike are one kind, and most pods of a cluster are of few kinds: what is worked out
// for one of them holds for all. Order of precedence is not part of it, so pods of one kind may differ in priority,
// age and gang. A kind lives as long as the decision that made it.

import type { PodInput, PodTerm } from "../snapshot-pod.ts";
import { besideText, claimsOf, textsOf } from "./kind-text.ts";
import type { TermUses } from "./kind-text.ts";
import { createTerms } from "./terms.ts";
import type { Namespaces, SpreadUse, TermUse } from "./terms.ts";

export interface PodKind extends TermUses {
  /** Dense, from 0, in order of appearance: for tables, never for an order that shows. */
  readonly id: number;
  /** The first of its kind, to ask checks about. */
  readonly pod: PodInput;
  /** The same for kinds that ask the same of what an empty node is: its labels, its taints, its volumes. */
  readonly where: number;
  /** The same for kinds that request the same amounts, of the same GPU. */
  readonly ask: number;
  /** Terms of other pods, or its own, that select it. */
  readonly selectedBy: ReadonlySet<number>;
  /** True where no other pod matters: only labels, taints and amounts decide where it may run. */
  readonly plain: boolean;
}

export interface Kinds {
  of(pod: PodInput): PodKind;
  /** The number by which kinds name the term. */
  termOf(term: PodTerm): number;
  /** Grows while kinds are asked for. */
  readonly all: readonly PodKind[];
}

/**
 * `pods`: all that will be placed or are placed, since the terms of each count for all others. A pod that is not
 * among them still has a kind; terms that only such a pod has are seen by the pods whose kind is asked after it.
 */
export function createKinds(pods: readonly PodInput[], namespaces: Namespaces = {}): Kinds {
  const terms = createTerms(namespaces);
  const avoided = new Set<number>();
  const uses = new Map<string, number>();
  for (const pod of pods) {
    for (const term of pod.podAffinity ?? []) terms.ofTerm(term);
    for (const term of pod.podAntiAffinity ?? []) avoided.add(terms.ofTerm(term));
    for (const constraint of pod.spread ?? []) terms.ofSpread(constraint, pod);
    for (const [, claim] of claimsOf(pod)) uses.set(claim, (uses.get(claim) ?? 0) + 1);
  }

  const wheres = new Map<string, number>();
  const asks = new Map<string, number>();
  const kinds = new Map<string | number, PodKind>();
  const all: PodKind[] = [];
  const known = new Map<PodInput, PodKind>();
  const isShared = (claim: string): boolean => (uses.get(claim) ?? 0) > 1;

  const kindOf = (pod: PodInput): PodKind => {
    const texts = textsOf(pod);
    const where = intern(wheres, texts.where);
    const ask = intern(asks, texts.ask);
    const use = (term: PodTerm): TermUse => ({ term: terms.ofTerm(term), topologyKey: term.topologyKey });
    const affinity = distinctUses((pod.podAffinity ?? []).map(use));
    const antiAffinity = distinctUses((pod.podAntiAffinity ?? []).map(use));
    const spread = (pod.spread ?? []).map((constraint): SpreadUse => ({
      term: terms.ofSpread(constraint, pod),
      topologyKey: constraint.topologyKey,
      constraint,
    }));
    const selected = terms.selecting(pod);
    const beside = besideText(pod, { affinity, antiAffinity, spread }, isShared);
    const text = keyOf({ where, ask, selected: selected.id, beside });
    const before = kinds.get(text);
    if (before !== undefined) return before;
    const kind: PodKind = {
      id: all.length,
      pod,
      where,
      ask,
      selectedBy: selected.terms,
      affinity,
      antiAffinity,
      spread,
      plain: beside === "" && !intersects(selected.terms, avoided),
    };
    kinds.set(text, kind);
    all.push(kind);
    return kind;
  };

  const of = (pod: PodInput): PodKind => {
    const before = known.get(pod);
    if (before !== undefined) return before;
    const kind = kindOf(pod);
    known.set(pod, kind);
    return kind;
  };
  for (const pod of pods) of(pod);
  return { all, of, termOf: terms.ofTerm };
}

/** For most pods a number: to put texts together and compare them costs more than all the rest. */
function keyOf(of: {
  readonly where: number;
  readonly ask: number;
  readonly selected: number;
  readonly beside: string;
}): string | number {
  const { where, ask, selected, beside } = of;
  if (beside !== "" || where >= 2 ** 20 || ask >= 2 ** 16 || selected >= 2 ** 16)
    return `${where}|${ask}|${selected}|${beside}`;
  return (where * 2 ** 16 + ask) * 2 ** 16 + selected;
}

function intern(ids: Map<string, number>, text: string): number {
  const before = ids.get(text);
  if (before !== undefined) return before;
  ids.set(text, ids.size);
  return ids.size - 1;
}

function distinctUses(uses: readonly TermUse[]): readonly TermUse[] {
  if (uses.length < 2) return uses;
  return [...new Map(uses.map((use) => [`${use.term} ${use.topologyKey}`, use])).values()];
}

function intersects(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size > 0 && b.size > 0 && !a.isDisjointFrom(b);
}
