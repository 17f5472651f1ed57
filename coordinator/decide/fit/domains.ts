// Counts of pods by topology domain, and the domains that a spread constraint compares: the cells of which topology.ts
// is made. A domain is one value of one label; each change can be taken back exactly.

import { untoleratedTaint } from "../../../shared/model/node.ts";
import { wantsNode } from "../node-terms.ts";
import type { PodInput, SpreadInput } from "../snapshot-pod.ts";
import type { Place } from "./check.ts";
import { domainOf, nodeName } from "./place.ts";

/** Pods by domain; what has none does not stand in it. */
export interface Tally {
  readonly topologyKey: string;
  readonly counts: Map<string, number>;
}

export function createTally(topologyKey: string): Tally {
  return { topologyKey, counts: new Map() };
}

/** Returns what the domain has afterwards. */
export function shift(counts: Map<string, number>, domain: string, by: 1 | -1): number {
  const now = (counts.get(domain) ?? 0) + by;
  if (now === 0) counts.delete(domain);
  else counts.set(domain, now);
  return now;
}

/** The nodes that constraints of one sort compare: Kubernetes leaves out those that the pod may not use anyway. */
export interface Scope {
  readonly includes: (place: Place) => boolean;
  /** Topology key → domain → places in it. */
  readonly domains: ReadonlyMap<string, Map<string, number>>;
}

/** Whether the pod's own rules leave out nodes that have all the labels. */
export function leavesOut(pod: PodInput, { nodeAffinityPolicy, nodeTaintsPolicy }: SpreadInput): boolean {
  return nodeTaintsPolicy === "Honor" || (nodeAffinityPolicy === "Honor" && isChoosy(pod));
}

function isChoosy({ nodeTerms, nodeSelector }: PodInput): boolean {
  return nodeTerms !== undefined || Object.keys(nodeSelector).length > 0;
}

/** A node counts where it has all the keys of the pod's constraints and passes what the policies honour. */
export function createScope(
  pod: PodInput,
  { nodeAffinityPolicy, nodeTaintsPolicy }: SpreadInput,
  keys: ReadonlySet<string>,
  open: Iterable<Place>,
): Scope {
  const asksMarks = nodeAffinityPolicy === "Honor" && isChoosy(pod);
  const asksTaints = nodeTaintsPolicy === "Honor";
  const scope: Scope = {
    includes: (place) => {
      for (const key of keys) if (domainOf(place, key) === null) return false;
      if (asksMarks && !wantsNode(pod, { name: nodeName(place), labels: place.labels })) return false;
      return !asksTaints || untoleratedTaint(place.taints, pod.tolerations) === null;
    },
    domains: new Map([...keys].map((key) => [key, new Map<string, number>()])),
  };
  for (const place of open) resize(scope, place, 1);
  return scope;
}

/** A place of the scope appears or goes. `except`: a label by which it is in no domain yet. */
export function resize({ includes, domains }: Scope, place: Place, by: 1 | -1, except?: string): void {
  if (!includes(place)) return;
  for (const [key, places] of domains) {
    if (key === except) continue;
    const domain = domainOf(place, key);
    if (domain !== null) shift(places, domain, by);
  }
}

/** Pods of one selector by domain of one scope, with the smallest count at hand. */
export interface Spread {
  readonly topologyKey: string;
  readonly scope: Scope;
  add(place: Place, by: 1 | -1): void;
  /** Pods in the domain. */
  count(domain: string): number;
  /** The smallest count of all domains; 0 while there are fewer of them than `minDomains`. */
  least(minDomains: number): number;
}

export function createSpread(topologyKey: string, scope: Scope): Spread {
  const counts = new Map<string, number>();
  /** Count → domains that have it; 0 is not in it. */
  const levels: number[] = [];
  /** No level below it has a domain. */
  let floor = 1;
  const domains = scope.domains.get(topologyKey) ?? new Map<string, number>();

  return {
    topologyKey,
    scope,
    add: (place, by) => {
      const domain = domainOf(place, topologyKey);
      if (domain === null || !scope.includes(place)) return;
      const now = shift(counts, domain, by);
      const before = now - by;
      if (before > 0) levels[before] = (levels[before] ?? 0) - 1;
      if (now > 0) levels[now] = (levels[now] ?? 0) + 1;
      if (now > 0 && now < floor) floor = now;
    },
    count: (domain) => counts.get(domain) ?? 0,
    least: (minDomains) => {
      if (domains.size < minDomains || counts.size < domains.size) return 0;
      while (floor < levels.length && (levels[floor] ?? 0) === 0) floor += 1;
      return floor < levels.length ? floor : 0;
    },
  };
}
