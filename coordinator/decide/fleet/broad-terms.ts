// Affinity and spread by what other pods do not have: such a term has to be asked of every pod, since no label leads
// to those that it selects. A few are in use in real clusters; thousands of different ones, a pod each, would make a
// decision take minutes. Beyond a bound, which nobody reaches by intent, their pods count as not readable.

import type { LabelSelector } from "../../../shared/model/kube.ts";
import type { PodInput } from "../snapshot-pod.ts";

/** Different terms of that kind in one snapshot. */
export const BROAD_TERMS_MAX = 200;

export const TOO_BROAD = `its affinity or spread: over ${BROAD_TERMS_MAX} different terms by NotIn or DoesNotExist alone are in play`;

/** The pods, of those that are given in order and readable, whose terms are beyond the bound. */
export function beyondBroadTerms(pods: Iterable<PodInput>): ReadonlySet<PodInput> {
  const known = new Set<string>();
  const beyond = new Set<PodInput>();
  for (const pod of pods) {
    const own = broadTermsOf(pod).filter((term) => !known.has(term));
    if (own.length === 0) continue;
    if (known.size + own.length > BROAD_TERMS_MAX) beyond.add(pod);
    else for (const term of own) known.add(term);
  }
  return beyond;
}

function broadTermsOf(pod: PodInput): readonly string[] {
  const { podAffinity = [], podAntiAffinity = [], spread = [] } = pod;
  if (podAffinity.length + podAntiAffinity.length + spread.length === 0) return [];
  const namespace = pod.key.slice(0, pod.key.indexOf("/"));
  return [
    ...[...podAffinity, ...podAntiAffinity].flatMap(({ selector, namespaces, namespaceSelector }) =>
      isBroad(selector) ? [JSON.stringify([selector, namespaces, namespaceSelector])] : [],
    ),
    ...spread.flatMap(({ selector }) => (isBroad(selector) ? [JSON.stringify([selector, namespace])] : [])),
  ];
}

function isBroad(selector: LabelSelector | null): boolean {
  if (selector === null || Object.keys(selector.matchLabels ?? {}).length > 0) return false;
  const expressions = selector.matchExpressions ?? [];
  return (
    expressions.length > 0 &&
    expressions.every(({ operator }) => operator === "NotIn" || operator === "DoesNotExist")
  );
}
