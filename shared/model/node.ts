// Questions that can be asked of a node without asking anybody else.

import type { Node, Taint, Toleration } from "./kube.ts";
import { FOREIGN_ON_DEMAND_LABELS, FOREIGN_SPOT_LABELS, NODE_LABEL } from "./names.ts";

export const CAPACITY_TYPES = ["spot", "on-demand", "reserved"] as const;
export type CapacityType = (typeof CAPACITY_TYPES)[number];

/** The pool that the node says it belongs to, by our label or its older spelling. */
export function poolLabelOf(labels: Readonly<Record<string, string>> | undefined): string | null {
  return labels?.[NODE_LABEL.pool] ?? labels?.[NODE_LABEL.nodePool] ?? null;
}

/** Our label first, then those of other projects; null when none says anything. */
export function capacityTypeOf(labels: Readonly<Record<string, string>> | undefined): CapacityType | null {
  const ours = CAPACITY_TYPES.find((type) => type === labels?.[NODE_LABEL.capacityType]);
  if (ours !== undefined) return ours;
  if (saysOneOf(labels, FOREIGN_SPOT_LABELS)) return "spot";
  if (saysOneOf(labels, FOREIGN_ON_DEMAND_LABELS)) return "on-demand";
  return null;
}

function saysOneOf(
  labels: Readonly<Record<string, string>> | undefined,
  table: Readonly<Record<string, readonly string[]>>,
): boolean {
  for (const key in table) {
    const value = labels?.[key];
    if (value !== undefined && table[key]?.includes(value) === true) return true;
  }
  return false;
}

/** Ready as the kubelet reports it; `unknown` when it has said nothing or stopped saying it. */
export function readiness(node: Node): "ready" | "not-ready" | "unknown" {
  const status = node.status?.conditions?.find((condition) => condition.type === "Ready")?.status;
  return status === "True" ? "ready" : status === "False" ? "not-ready" : "unknown";
}

/** True when every label of `selector` stands on the node with that value. An empty selector matches all. */
export function matchesLabels(
  labels: Readonly<Record<string, string>> | undefined,
  selector: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels?.[key] === value);
}

/** The first NoSchedule or NoExecute taint that none of the tolerations accepts, or null. */
export function untoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
): Taint | null {
  for (const taint of taints ?? []) {
    if (taint.effect === "PreferNoSchedule") continue;
    if (!(tolerations ?? []).some((toleration) => tolerates(toleration, taint))) return taint;
  }
  return null;
}

/** The matching rule of Kubernetes: an empty key with Exists accepts all, an empty effect accepts each effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== "" && toleration.effect !== taint.effect)
    return false;
  const exists = toleration.operator === "Exists";
  if (toleration.key === undefined || toleration.key === "") return exists;
  if (toleration.key !== taint.key) return false;
  return exists || (toleration.value ?? "") === (taint.value ?? "");
}
