// Whether a notice is of a spot node, by whatever says so: its labels, its machine's own metadata, its pool in the policies.
// Clouds give notice of on-demand machines too, such as of their retirement. Pure.

import { capacityTypeOf, poolLabelOf } from "../../shared/model/node.ts";
import type { NoticeInput, Snapshot } from "../decide/snapshot.ts";

/** Where nothing says what the node is, it is taken for spot: that is what notices are for. */
export function isOfSpot(
  { node: name, machine }: Pick<NoticeInput, "node" | "machine">,
  { nodes, policies }: Pick<Snapshot, "nodes" | "policies">,
): boolean {
  const labels = nodes.find((node) => node.name === name)?.labels;
  const said = capacityTypeOf(labels) ?? machine?.lifecycle;
  if (said !== undefined) return said === "spot";
  const label = poolLabelOf(labels);
  const tiers = policies.flatMap((policy) =>
    policy.kind === "valid"
      ? policy.spec.nodePools.flatMap((pool) => (pool.name === label ? [pool.capacityType] : []))
      : [],
  );
  return tiers.length === 0 || tiers.includes("spot");
}
