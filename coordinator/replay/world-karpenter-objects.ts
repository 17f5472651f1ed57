// What Karpenter's objects look like, as JSON. Shapes only; when they appear and change is for the controllers.

import type { Condition, NodeClaim, NodePool } from "../../shared/model/kube.ts";
import { KARPENTER, NODE_LABEL } from "../../shared/model/names.ts";
import type { NodePoolShape } from "./world-options.ts";
import { withCondition } from "./world-pods.ts";

export function nodePoolFor(shape: NodePoolShape): NodePool {
  const requirements = [
    { key: NODE_LABEL.instanceType, operator: "In", values: [shape.instanceType] },
    { key: NODE_LABEL.zone, operator: "In", values: shape.zones },
  ];
  return {
    metadata: { name: shape.name },
    spec: {
      ...(shape.replicas === undefined ? {} : { replicas: shape.replicas }),
      ...(shape.nodeLimit === undefined ? {} : { limits: { nodes: String(shape.nodeLimit) } }),
      template: {
        metadata: { labels: { [NODE_LABEL.pool]: shape.name, ...shape.labels } },
        spec: { requirements, ...(shape.taints === undefined ? {} : { taints: shape.taints }) },
      },
    },
  };
}

export function nodeClaimFor(pool: NodePool, name: string): NodeClaim {
  const { uid = "" } = pool.metadata;
  return {
    metadata: {
      name,
      labels: { [KARPENTER.nodePool]: pool.metadata.name },
      ownerReferences: [
        {
          apiVersion: `${KARPENTER.group}/v1`,
          kind: "NodePool",
          name: pool.metadata.name,
          uid,
          controller: true,
        },
      ],
    },
    spec: {},
  };
}

/** With a condition that has just become true. */
export function reached(claim: NodeClaim, type: string, now: string): NodeClaim {
  const condition: Condition = { type, status: "True", reason: type, lastTransitionTime: now };
  return {
    ...claim,
    status: { ...claim.status, conditions: withCondition(claim.status?.conditions, condition) },
  };
}

export function isLive({ metadata }: NodeClaim): boolean {
  return metadata.deletionTimestamp === undefined;
}

export function isUnlaunched({ status }: NodeClaim): boolean {
  return status?.providerID === undefined;
}

export function poolOf({ metadata }: NodeClaim): string {
  return metadata.labels?.[KARPENTER.nodePool] ?? "";
}
