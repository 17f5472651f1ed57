// What the nodes of a pool show of others that size it: marks that Cluster Autoscaler sets on what it is about to remove,
// and Karpenter's own label on nodes of a group that it is not. Only nodes of the pool are looked at, so that both may
// serve the rest of the cluster.

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { CLUSTER_AUTOSCALER, KARPENTER } from "../../../shared/model/names.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { RivalInput } from "../snapshot.ts";
import type { NodeState } from "./standing.ts";

const TAINTS: ReadonlySet<string> = new Set(CLUSTER_AUTOSCALER.taints);
const NAMED = 3;
/**
 * It dates its taints, takes away what it has tainted within minutes, and takes the taints off when it starts. One that is
 * older was left behind by one that runs no more; while it runs it lists its groups besides.
 */
const STANDS_MS = 3600_000;

export function rivalsOnNodes(
  { group }: Pick<NodePoolSpec, "group">,
  nodes: readonly NodeState[],
  at: EpochMs,
): readonly RivalInput[] {
  // Whom nobody of ours sizes, nobody fights.
  if (group === undefined) return [];
  const marked = nodes.flatMap(({ name, node: { taints } }) => {
    const taint = taints.find((one) => TAINTS.has(one.key) && !isLeftover(one, at));
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

/** What has no date that can be read may be of now. */
function isLeftover({ value = "" }: Taint, at: EpochMs): boolean {
  return /^\d{1,12}$/.test(value) && at - Number(value) * 1000 > STANDS_MS;
}

function named(nodes: readonly string[]): string {
  const left = nodes.length - NAMED;
  return nodes.slice(0, NAMED).join(", ") + (left > 0 ? ` and ${left} more` : "");
}
