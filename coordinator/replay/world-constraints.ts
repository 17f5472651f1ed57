// What a pod asks of a place beyond room: node affinity, affinity to and against other pods, spreading, host ports,
// volumes. Counted afresh for each question, since few pods of a world ask any. Written apart from the product's own
// checks on purpose. There is no controller of volumes or devices here, so who waits for one goes on waiting.

import type {
  LabelSelector,
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "../../shared/model/kube.ts";
import { firstUntolerated, hasLabels, isTerminating, nodeHeldBy, selects } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";
import type { Store } from "./world-store.ts";

export interface Constraints {
  /** The first reason why the node does not take the pod, in the real scheduler's words; null when it does. */
  misfit(pod: Pod, node: Node): string | null;
  /** Whether a pod that gets a node may change where this one may go. */
  looksAtOthers(pod: Pod): boolean;
  /** All of the pod that counts, for those that ask the same. */
  shapeOf(pod: Pod): unknown;
}

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";

export function createConstraints(store: Store): Constraints {
  /** Keys of pods that keep others away. */
  const guarded = new Set<string>();
  store.onChange((change) => {
    if (change.resource !== "pods") return;
    const key = keyOf(change.object.metadata);
    const holds = change.kind !== "deleted" && nodeHeldBy(change.object) !== null;
    if (holds && termsApart(change.object).length > 0) guarded.add(key);
    else guarded.delete(key);
  });

  function placed(): readonly (readonly [Pod, Node])[] {
    return [...store.list("pods")].flatMap((pod) => {
      const node = store.get("nodes", nodeHeldBy(pod) ?? "");
      return node === undefined ? [] : [[pod, node] as const];
    });
  }

  /** Whether the term of `owner` means the pod. */
  function means(term: PodAffinityTerm, owner: Pod, pod: Pod): boolean {
    const { namespaces = [], namespaceSelector } = term;
    const silent = namespaces.length === 0 && namespaceSelector === undefined;
    const its = pod.metadata.namespace ?? "";
    const inNamespace =
      (silent ? its === owner.metadata.namespace : namespaces.includes(its)) ||
      selects(namespaceSelector, store.get("namespaces", its)?.metadata.labels ?? {});
    return inNamespace && selects(withKeys(term, owner), pod.metadata.labels);
  }

  function isFarFromFriends(pod: Pod, node: Node): boolean {
    const terms = pod.spec.affinity?.podAffinity?.[REQUIRED] ?? [];
    if (terms.length === 0) return false;
    if (terms.some(({ topologyKey }) => domainOf(node, topologyKey) === undefined)) return true;
    const friends = placed().filter(([other]) => terms.every((term) => means(term, pod, other)));
    // The first of a group that wants to be together may go anywhere.
    if (friends.length === 0) return !terms.every((term) => means(term, pod, pod));
    return !terms.every(({ topologyKey }) => friends.some(([, at]) => isSameDomain(at, node, topologyKey)));
  }

  function isNearFoes(pod: Pod, node: Node): boolean {
    return termsApart(pod).some((term) =>
      placed().some(([other, at]) => isSameDomain(at, node, term.topologyKey) && means(term, pod, other)),
    );
  }

  function isKeptAway(pod: Pod, node: Node): boolean {
    return [...guarded].some((key) => {
      const other = store.get("pods", key);
      const at = other === undefined ? undefined : store.get("nodes", nodeHeldBy(other) ?? "");
      return (
        other !== undefined &&
        at !== undefined &&
        termsApart(other).some((term) => isSameDomain(at, node, term.topologyKey) && means(term, other, pod))
      );
    });
  }

  function isSpreadThin(pod: Pod, node: Node): boolean {
    const constraints = spreadOf(pod);
    return constraints.some((constraint) => {
      const domain = domainOf(node, constraint.topologyKey);
      if (domain === undefined) return true;
      const counts = new Map<string, number>();
      for (const each of store.list("nodes")) {
        const its = domainOf(each, constraint.topologyKey);
        if (its !== undefined && counts.get(its) === undefined && isEligible(pod, each, constraint))
          counts.set(its, 0);
      }
      const selector = withKeys(constraint, pod);
      for (const [other, at] of placed()) {
        const its = domainOf(at, constraint.topologyKey);
        const count = its === undefined ? undefined : counts.get(its);
        if (its === undefined || count === undefined || !isEligible(pod, at, constraint)) continue;
        const counted = other.metadata.namespace === pod.metadata.namespace && !isTerminating(other);
        if (counted && selects(selector, other.metadata.labels)) counts.set(its, count + 1);
      }
      const least = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts.values());
      const self = selects(selector, pod.metadata.labels) ? 1 : 0;
      return (counts.get(domain) ?? 0) + self - least > constraint.maxSkew;
    });
  }

  function portsAreTaken(pod: Pod, node: Node): boolean {
    const wanted = portsOf(pod);
    if (wanted.length === 0) return false;
    const taken = placed().flatMap(([other, at]) =>
      at.metadata.name === node.metadata.name ? portsOf(other) : [],
    );
    return wanted.some((port) => taken.some((other) => clash(port, other)));
  }

  function volumeMisfit(pod: Pod, node: Node): string | null {
    for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
      if (persistentVolumeClaim === undefined && ephemeral === undefined) continue;
      const claimName = persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${name}`;
      const claim = store.get("persistentvolumeclaims", `${pod.metadata.namespace ?? ""}/${claimName}`);
      if (claim === undefined) return `persistentvolumeclaim "${claimName}" not found`;
      const volume = store.get("persistentvolumes", claim.spec?.volumeName ?? "");
      if (claim.status?.phase !== "Bound" || volume === undefined)
        return "pod has unbound immediate PersistentVolumeClaims";
      const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
      if (terms !== undefined && !matchesTerms(terms, node))
        return "node(s) had volume node affinity conflict";
    }
    return null;
  }

  return {
    misfit: (pod, node) => {
      if (!matchesNodeAffinity(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
      if ((pod.spec.resourceClaims ?? []).length > 0) return "cannot allocate all claims";
      if (portsAreTaken(pod, node)) return "node(s) didn't have free ports for the requested pod ports";
      if (isKeptAway(pod, node)) return "node(s) didn't satisfy existing pods anti-affinity rules";
      if (isNearFoes(pod, node)) return "node(s) didn't match pod anti-affinity rules";
      if (isFarFromFriends(pod, node)) return "node(s) didn't match pod affinity rules";
      if (isSpreadThin(pod, node)) return "node(s) didn't match pod topology spread constraints";
      return volumeMisfit(pod, node);
    },
    looksAtOthers: (pod) =>
      (pod.spec.affinity?.podAffinity?.[REQUIRED] ?? []).length > 0 || spreadOf(pod).length > 0,
    shapeOf: ({ metadata, spec }) => [
      metadata.namespace,
      metadata.labels,
      spec.affinity,
      spec.topologySpreadConstraints,
      spec.volumes,
      spec.resourceClaims,
      portsOf({ metadata, spec }),
    ],
  };
}

function termsApart(pod: Pod): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.podAntiAffinity?.[REQUIRED] ?? [];
}

function spreadOf(pod: Pod): readonly TopologySpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? []).filter(
    (each) => each.whenUnsatisfiable === "DoNotSchedule",
  );
}

function domainOf(node: Node, topologyKey: string): string | undefined {
  return node.metadata.labels?.[topologyKey];
}

function isSameDomain(one: Node, other: Node, topologyKey: string): boolean {
  const domain = domainOf(one, topologyKey);
  return domain !== undefined && domain === domainOf(other, topologyKey);
}

function isEligible(pod: Pod, node: Node, constraint: TopologySpreadConstraint): boolean {
  const { nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" } = constraint;
  const wanted =
    nodeAffinityPolicy === "Ignore" ||
    (hasLabels(node.metadata.labels, pod.spec.nodeSelector) && matchesNodeAffinity(pod, node));
  const open =
    nodeTaintsPolicy === "Ignore" || firstUntolerated(pod.spec.tolerations, node.spec?.taints) === null;
  return wanted && open;
}

function matchesNodeAffinity(pod: Pod, node: Node): boolean {
  const required = pod.spec.affinity?.nodeAffinity?.[REQUIRED];
  return required === undefined || matchesTerms(required.nodeSelectorTerms, node);
}

function matchesTerms(terms: readonly NodeSelectorTerm[], node: Node): boolean {
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchExpressions.every((rule) => holds(rule, node.metadata.labels?.[rule.key])) &&
      matchFields.every((rule) => holds(rule, node.metadata.name)),
  );
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      throw new RangeError(`node selector operator ${JSON.stringify(operator)} is not known`);
  }
}

/** The selector with the owner's own values of its label keys. */
function withKeys(
  term: Pick<PodAffinityTerm, "labelSelector" | "matchLabelKeys" | "mismatchLabelKeys">,
  owner: Pod,
): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (labelSelector === undefined) return undefined;
  const rules = [
    ...matchLabelKeys.map((key) => [key, "In"] as const),
    ...mismatchLabelKeys.map((key) => [key, "NotIn"] as const),
  ].flatMap(([key, operator]) => {
    const value = owner.metadata.labels?.[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  return { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...rules] };
}

interface Port {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

function portsOf({ spec }: Pod): readonly Port[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, hostIP = "0.0.0.0", protocol = "TCP" }) => {
      const port = hostPort ?? (spec.hostNetwork === true ? containerPort : undefined);
      return port === undefined ? [] : [{ ip: hostIP, protocol, port }];
    }),
  );
}

function clash(one: Port, other: Port): boolean {
  const sameIp = one.ip === other.ip || one.ip === "0.0.0.0" || other.ip === "0.0.0.0";
  return sameIp && one.protocol === other.protocol && one.port === other.port;
}
