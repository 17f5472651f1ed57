// What the nodes of a pool show of others that size it: marks that Cluster Autoscaler sets on what it is about to remove,
// and Karpenter's own label on nodes of a group that it is not. Only nodes of the pool are looked at, so that both may
// serve the rest of the cluster.

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import { CLUSTER_AUTOSCALER, KARPENTER } from "../../../shared/model/names.ts";
import type { RivalInput } from "../snapshot.ts";
import type { NodeState } from "./standing.ts";

const TAINTS: ReadonlySet<string> = new Set(CLUSTER_AUTOSCALER.taints);
const NAMED = 3;

export function rivalsOnNodes(
  { group }: Pick<NodePoolSpec, "group">,
  nodes: readonly NodeState[],
): readonly RivalInput[] {
  // Whom nobody of ours sizes, nobody fights.
  if (group === undefined) return [];
  const marked = nodes.flatMap(({ name, node: { taints } }) => {
    const taint = taints.find(({ key }) => TAINTS.has(key));
    return taint === undefined ? [] : [`${name} (${taint.key})`];
  });
  const isKarpenter = group.scale?.apiVersion.split("/")[0] === KARPENTER.group;
  const claimed = isKarpenter
    ? []
    : nodes.flatMap(({ name, node: { labels } }) => {
        const nodePool = labels[KARPENTER.nodePool];
        return nodePool === undefined ? [] : [`${name} (NodePool ${nodePool})`];
      });
  return [
    ...(marked.length === 0
      ? []
      : [{ rival: "cluster-autoscaler" as const, detail: `its taint is on ${named(marked)}` }]),
    ...(claimed.length === 0
      ? []
      : [{ rival: "karpenter" as const, detail: `it has made ${named(claimed)}` }]),
  ];
}

function named(nodes: readonly string[]): string {
  const left = nodes.length - NAMED;
  return nodes.slice(0, NAMED).join(", ") + (left > 0 ? ` and ${left} more` : "");
}
