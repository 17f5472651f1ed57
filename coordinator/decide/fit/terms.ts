// The selectors that pods apply to other pods, each known once by a number, and which of them select a given pod.
// The answer is worked out once for all pods whose labels look alike to these selectors. Where the pods are is not
// known here.

import type { LabelSelector } from "../../../shared/model/kube.ts";
import { describeSelector, selectorKeys, selects } from "../../../shared/model/label-selector.ts";
import { NAMESPACE_LABEL } from "../../../shared/model/names.ts";
import type { PodInput, PodTerm, SpreadInput } from "../snapshot-pod.ts";

export type Namespaces = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Which pods are meant, without where. */
interface Term {
  readonly selector: LabelSelector | null;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: LabelSelector | null;
}

/** Pods that the same terms select. */
export interface Selected {
  readonly id: number;
  readonly terms: ReadonlySet<number>;
}

/** A term about other pods, and the label whose values are the domains in which it is asked. */
export interface TermUse {
  readonly term: number;
  readonly topologyKey: string;
}

export interface SpreadUse extends TermUse {
  readonly constraint: SpreadInput;
}

export interface Terms {
  /** All terms that are asked about have to be known before the first `selecting`. */
  ofTerm(term: PodTerm): number;
  ofSpread(constraint: SpreadInput, pod: PodInput): number;
  selecting(pod: PodInput): Selected;
}

export function createTerms(namespaces: Namespaces): Terms {
  const ids = new Map<string, number>();
  /** A term is met again with each look at its pod. */
  const byTerm = new Map<PodTerm, number>();
  const bySpread = new Map<SpreadInput, { readonly namespace: string; readonly id: number }>();
  const terms: Term[] = [];
  /** Keys that some selector asks about: no other label tells pods apart. */
  const keys = new Set<string>();
  /** A label, or only its key, that a pod must have to be selected → terms; and those that ask for none. */
  const byLabel = new Map<string, number[]>();
  const anyLabel: number[] = [];
  const known = new Map<string, Selected>();
  const distinct = new Map<string, Selected>();

  const intern = (
    selector: LabelSelector | null,
    names: readonly string[],
    namespaceSelector: LabelSelector | null,
  ): number => {
    const text = JSON.stringify([selector, names, namespaceSelector]);
    const before = ids.get(text);
    if (before !== undefined) return before;
    const id = terms.length;
    ids.set(text, id);
    terms.push({ selector, namespaces: new Set(names), namespaceSelector });
    for (const key of selectorKeys(selector)) keys.add(key);
    if (selector !== null) {
      const labels = needed(selector);
      if (labels === null) anyLabel.push(id);
      else for (const label of labels) push(byLabel, label, id);
    }
    return id;
  };

  const reaches = ({ namespaces: names, namespaceSelector }: Term, namespace: string): boolean =>
    names.has(namespace) ||
    (namespaceSelector !== null &&
      selects(namespaceSelector, { [NAMESPACE_LABEL]: namespace, ...namespaces[namespace] }));

  const find = (
    pod: PodInput,
    namespace: string,
    labels: readonly (readonly [string, string])[],
  ): number[] => {
    const candidates = [
      ...anyLabel,
      ...labels.flatMap(([key, value]) => [
        ...(byLabel.get(pair(key, value)) ?? []),
        ...(byLabel.get(key) ?? []),
      ]),
    ];
    return candidates.filter((id) => {
      const term = terms[id];
      return term !== undefined && selects(term.selector, pod.labels) && reaches(term, namespace);
    });
  };

  return {
    ofTerm: (term) => {
      const id =
        byTerm.get(term) ?? intern(term.selector, term.namespaces.toSorted(), term.namespaceSelector);
      byTerm.set(term, id);
      return id;
    },
    // Spread counts pods of the pod's own namespace.
    ofSpread: (constraint, pod) => {
      const namespace = namespaceOf(pod);
      const before = bySpread.get(constraint);
      if (before?.namespace === namespace) return before.id;
      const id = intern(constraint.selector, [namespace], null);
      bySpread.set(constraint, { namespace, id });
      return id;
    },
    selecting: (pod) => {
      const namespace = terms.length === 0 ? "" : namespaceOf(pod);
      const labels = keys.size === 0 ? [] : relevant(pod.labels, keys);
      const look = labels.length === 0 ? namespace : JSON.stringify([namespace, labels]);
      const before = known.get(look);
      if (before !== undefined) return before;
      const found = find(pod, namespace, labels).sort((a, b) => a - b);
      const text = found.join();
      const selected = distinct.get(text) ?? { id: distinct.size, terms: new Set(found) };
      distinct.set(text, selected);
      known.set(look, selected);
      return selected;
    },
  };
}

/** For a reason: `app=web by topology.kubernetes.io/zone`. */
export function describeTerm({ selector, topologyKey }: PodTerm): string {
  return `${describeSelector(selector)} by ${topologyKey}`;
}

export function namespaceOf(pod: PodInput): string {
  return pod.key.slice(0, Math.max(0, pod.key.indexOf("/")));
}

function relevant(
  labels: Readonly<Record<string, string>> | undefined,
  keys: ReadonlySet<string>,
): [string, string][] {
  const found: [string, string][] = [];
  for (const key in labels) if (keys.has(key)) found.push([key, labels[key] ?? ""]);
  return found.length < 2 ? found : found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Labels or keys of which a selected pod has one; null: it need not have any. */
function needed({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly string[] | null {
  const [label] = Object.entries(matchLabels);
  if (label !== undefined) return [pair(...label)];
  const one = matchExpressions.find(({ operator }) => operator === "In");
  if (one !== undefined) return [...new Set(one.values ?? [])].map((value) => pair(one.key, value));
  const key = matchExpressions.find(({ operator }) => operator === "Exists")?.key;
  return key === undefined ? null : [key];
}

function pair(key: string, value: string): string {
  return `${key}=${value}`;
}

function push(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
