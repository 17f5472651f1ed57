// Questions about single objects that several parts of the world ask: what a pod requests, whether it still
// holds its node, whether a node takes it. Written apart from the product's own fit model on purpose: a fault
// in one must not hide in the other.

import type {
  Condition,
  LabelSelector,
  Node,
  Pod,
  ResourceList,
  Taint,
  Toleration,
} from "../../shared/model/kube.ts";
import { GPU_RESOURCE, POD_ANNOTATION } from "../../shared/model/names.ts";
import { milliQuantity } from "../../shared/model/quantity.ts";

/** Thousandths of each resource. */
export type Amounts = ReadonlyMap<string, number>;

export function amounts(list: ResourceList | undefined): Map<string, number> {
  return new Map(Object.entries(list ?? {}).map(([name, quantity]) => [name, milliQuantity(quantity)]));
}

/** All containers together, or the largest init container when that is more, with the overhead, and one pod. */
export function requestsOf(pod: Pod): Amounts {
  const total = new Map<string, number>();
  for (const container of pod.spec.containers) add(total, amounts(containerRequests(container)));
  for (const container of pod.spec.initContainers ?? []) {
    for (const [name, amount] of amounts(containerRequests(container))) {
      total.set(name, Math.max(total.get(name) ?? 0, amount));
    }
  }
  add(total, amounts(pod.spec.overhead));
  total.set("pods", 1000);
  return total;
}

/** A limit without a request is a request: the API server defaults it so, and for GPUs it is the usual form. */
function containerRequests(container: Pod["spec"]["containers"][number]): ResourceList {
  return { ...container.resources?.limits, ...container.resources?.requests };
}

export function add(total: Map<string, number>, more: Amounts, sign: 1 | -1 = 1): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? 0) + sign * amount);
}

export function gpusOf(pod: Pod): number {
  return (requestsOf(pod).get(GPU_RESOURCE) ?? 0) / 1000;
}

/** The fields that name a pod in the ledger. */
export function podFact(pod: Pod): { namespace: string; pod: string; uid: string } {
  return { namespace: pod.metadata.namespace ?? "", pod: pod.metadata.name, uid: pod.metadata.uid ?? "" };
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** The node whose resources the pod holds; null when it holds none. */
export function nodeHeldBy(pod: Pod): string | null {
  return pod.spec.nodeName === undefined || isFinished(pod) ? null : pod.spec.nodeName;
}

export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Replaces the condition of the same type, or adds it. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: Condition,
): readonly Condition[] {
  return [...(conditions ?? []).filter((condition) => condition.type !== next.type), next];
}

export function isNodeReady(node: Node): boolean {
  return conditionOf(node.status?.conditions, "Ready")?.status === "True";
}

export function isPodReady(pod: Pod): boolean {
  return conditionOf(pod.status?.conditions, "Ready")?.status === "True";
}

/** Bound to its node by more than a scheduler: it goes with the node and needs no eviction. */
export function isNodeBound(pod: Pod): boolean {
  if (pod.metadata.annotations?.[POD_ANNOTATION.mirror] !== undefined) return true;
  return (
    pod.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.kind === "DaemonSet") ??
    false
  );
}

export function firstUntolerated(
  tolerations: readonly Toleration[] | undefined,
  taints: readonly Taint[] | undefined,
): Taint | null {
  const hard = taints?.filter((taint) => taint.effect !== "PreferNoSchedule") ?? [];
  return (
    hard.find((taint) => !(tolerations ?? []).some((toleration) => tolerates(toleration, taint))) ?? null
  );
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== "" && toleration.effect !== taint.effect)
    return false;
  const anyKey = toleration.key === undefined || toleration.key === "";
  if (anyKey) return toleration.operator === "Exists";
  if (toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
}

export function hasLabels(
  labels: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);
}

/** An absent selector selects nothing, an empty one everything, as in `policy/v1`. */
export function selects(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined) return false;
  return (
    hasLabels(labels, selector.matchLabels) &&
    (selector.matchExpressions ?? []).every((rule) => holds(rule, labels?.[rule.key]))
  );
}

function holds(
  rule: NonNullable<LabelSelector["matchExpressions"]>[number],
  value: string | undefined,
): boolean {
  switch (rule.operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "In":
      return value !== undefined && (rule.values ?? []).includes(value);
    case "NotIn":
      return value === undefined || !(rule.values ?? []).includes(value);
    default:
      throw new RangeError(
        `selector operator ${JSON.stringify(rule.operator satisfies never)} is not one of In, NotIn, Exists, DoesNotExist`,
      );
  }
}
