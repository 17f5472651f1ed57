// Marks of ours as they stand on the objects of a cluster in the middle of its work, for tests of what takes them back; and
// objects as they are compared before and after.

import type { KubeObject, Node } from "../../shared/model/kube.ts";
import {
  CLUSTER_API,
  EXCLUDED_BY_US,
  GROUP_ANNOTATION,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LABEL,
  POD_ANNOTATION,
  TAINT,
} from "../../shared/model/names.ts";

/** Everything that an agent puts on a node which its cloud takes, with the hint before it. */
export function markedByAgent(node: Node, cordonedByUs = true): Node {
  const state = {
    v: 1,
    id: "aws-1",
    cause: "notice",
    source: "aws",
    phase: "wave",
    seenAt: 1_000,
    deadline: 121_000,
    replace: true,
    cordonedByUs,
  };
  const hint = {
    v: 1,
    id: "h",
    source: "aws",
    kind: "rebalance",
    action: "rebalance",
    seenAt: 1_000,
    at: null,
  };
  const annotations = {
    [NODE_ANNOTATION.drainState]: JSON.stringify(state),
    [NODE_ANNOTATION.interruptionWarning]: "true",
    [NODE_ANNOTATION.interruptionSource]: "aws",
    [NODE_ANNOTATION.terminationTime]: new Date(121_000).toISOString(),
    [NODE_ANNOTATION.interruptionHint]: JSON.stringify(hint),
    [NODE_ANNOTATION.drainRequest]: "{}",
    [NODE_ANNOTATION.drillUnmanaged]: "true",
  };
  return {
    ...withTaint(node, { key: TAINT.spotInterruption, value: "aws-1", effect: "NoSchedule" }),
    metadata: {
      ...node.metadata,
      labels: { ...node.metadata.labels, [NODE_LABEL.excludeFromLoadBalancers]: EXCLUDED_BY_US },
      annotations: { ...node.metadata.annotations, ...annotations },
    },
  };
}

/** The coordinator's note on a node that it retires. */
export function retired(node: Node, cordonedBefore = false): Node {
  const value = `walk-${cordonedBefore ? "kept-" : ""}0123456789ab`;
  return withTaint(node, { key: TAINT.scaleDown, value, effect: "NoSchedule" });
}

export function withCondition({ status, ...node }: Node): Node {
  const condition = {
    type: NODE_CONDITION.gpuHealthy,
    status: "True",
    reason: "GpusHealthy",
    message: "well",
  };
  return { ...node, status: { ...status, conditions: [...(status?.conditions ?? []), condition] } };
}

function withTaint(
  { spec, ...node }: Node,
  taint: NonNullable<NonNullable<Node["spec"]>["taints"]>[number],
): Node {
  return { ...node, spec: { ...spec, unschedulable: true, taints: [...(spec?.taints ?? []), taint] } };
}

/** What we note on other objects than nodes, by the kind's plural name. */
export const NOTES = {
  pods: { [POD_ANNOTATION.terminationDeadline]: "2026-11-26T12:00:00Z" },
  nodeclaims: { [GROUP_ANNOTATION.kept]: "2026-11-26T12:00:00Z" },
  machines: { [CLUSTER_API.deleteMachine]: "gpu-autoscaler" },
} as const;

/** A limit of 100 nodes that a policy has lowered to 10, and claims of which the number has still to fall. */
export const LOWERED = {
  limits: { nodes: "10", cpu: "1000" },
  before: { nodes: "100", cpu: "1000" },
  annotations: {
    [GROUP_ANNOTATION.limitBefore]: JSON.stringify({
      policy: "gpus",
      limits: { nodes: { before: "100", set: "10" } },
    }),
    [GROUP_ANNOTATION.lowering]: "[]",
  },
};

/** Without what each write changes, and without fields that are there and empty. */
export function comparable(object: KubeObject): unknown {
  const { resourceVersion: _, generation: __, ...metadata } = object.metadata;
  const { ["managedFields" as "name"]: ___, ...rest } = metadata;
  return withoutEmpty({ ...object, metadata: rest });
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, field]) => [key, withoutEmpty(field)] as const)
      .filter(
        ([, field]) => JSON.stringify(field) !== "{}" && JSON.stringify(field) !== "[]" && field !== false,
      ),
  );
}
