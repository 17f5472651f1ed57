// Where a pod may run and beside what, by its own spec: required node affinity, affinity to and against other pods,
// spreading that forbids, ports of the host. Preferences never forbid, so they are left out. Defaults of the API are
// filled in here, so that decisions meet none.

import type {
  LabelSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "../../shared/model/kube.ts";
import type {
  HostPort,
  NodeExpression,
  NodeTerm,
  PodInput,
  PodTerm,
  SpreadInput,
} from "../decide/snapshot-pod.ts";

/** Each of them absent where the pod has none. */
export type Constraints = Pick<
  PodInput,
  "nodeTerms" | "podAffinity" | "podAntiAffinity" | "spread" | "hostPorts"
>;

export function constraintsOf(pod: Pod): Constraints {
  const { affinity, topologySpreadConstraints = [] } = pod.spec;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const near = affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const apart = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const spread = topologySpreadConstraints.filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule",
  );
  const ports = hostPortsOf(pod);
  return {
    ...(required === undefined ? {} : { nodeTerms: nodeTermsOf(required.nodeSelectorTerms) }),
    ...(near.length === 0 ? {} : { podAffinity: near.map((term) => podTermOf(term, pod)) }),
    ...(apart.length === 0 ? {} : { podAntiAffinity: apart.map((term) => podTermOf(term, pod)) }),
    ...(spread.length === 0 ? {} : { spread: spread.map((constraint) => spreadOf(constraint, pod)) }),
    ...(ports.length === 0 ? {} : { hostPorts: ports }),
  };
}

export function nodeTermsOf(terms: readonly NodeSelectorTerm[]): readonly NodeTerm[] {
  return terms.map(({ matchExpressions = [], matchFields = [] }) => ({
    labels: matchExpressions.map(expressionOf),
    names: matchFields.map(expressionOf),
  }));
}

function expressionOf({ key, operator, values = [] }: NodeSelectorRequirement): NodeExpression {
  // The server lets no other operator pass; one of a newer server makes the pod malformed to the decision.
  return { key, operator: operator as NodeExpression["operator"], values };
}

function podTermOf(term: PodAffinityTerm, pod: Pod): PodTerm {
  const { topologyKey, namespaces = [], namespaceSelector } = term;
  const isSilent = namespaces.length === 0 && namespaceSelector === undefined;
  return {
    topologyKey,
    selector: withLabelKeys(term.labelSelector, pod, term.matchLabelKeys, term.mismatchLabelKeys),
    namespaces: isSilent ? [pod.metadata.namespace ?? "default"] : namespaces,
    namespaceSelector: namespaceSelector ?? null,
  };
}

function spreadOf(constraint: TopologySpreadConstraint, pod: Pod): SpreadInput {
  const { topologyKey, maxSkew, minDomains = 1 } = constraint;
  return {
    topologyKey,
    maxSkew,
    minDomains,
    selector: withLabelKeys(constraint.labelSelector, pod, constraint.matchLabelKeys),
    nodeAffinityPolicy: constraint.nodeAffinityPolicy ?? "Honor",
    nodeTaintsPolicy: constraint.nodeTaintsPolicy ?? "Ignore",
  };
}

/**
 * Newer servers have worked the keys into the stored selector already; saying the same twice changes nothing. A key
 * that the pod has no label for is ignored, and without a selector nothing is selected whatever the keys say.
 */
function withLabelKeys(
  selector: LabelSelector | undefined,
  pod: Pod,
  matching: readonly string[] = [],
  mismatching: readonly string[] = [],
): LabelSelector | null {
  if (selector === undefined) return null;
  const known = selector.matchExpressions ?? [];
  const added = [
    ...matching.map((key) => ({ key, operator: "In" as const })),
    ...mismatching.map((key) => ({ key, operator: "NotIn" as const })),
  ].flatMap(({ key, operator }) => {
    const value = pod.metadata.labels?.[key];
    if (value === undefined) return [];
    const isSaid = known.some(
      (rule) =>
        rule.key === key &&
        rule.operator === operator &&
        rule.values?.length === 1 &&
        rule.values[0] === value,
    );
    return isSaid ? [] : [{ key, operator, values: [value] }];
  });
  return added.length === 0 ? selector : { ...selector, matchExpressions: [...known, ...added] };
}

/** In the network of the host each port of a container is one of the host, as the server's own default says. */
function hostPortsOf(pod: Pod): readonly HostPort[] {
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...pod.spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, hostIP, protocol }) => {
      const port = hostPort ?? (pod.spec.hostNetwork === true ? containerPort : undefined);
      if (port === undefined || port === 0) return [];
      return [
        { ip: hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP, protocol: protocol ?? "TCP", port },
      ];
    }),
  );
}
