// Which group sizes a pool, as its policy names it: by which back end, and whether two pools name the same one. It asks
// nobody; what the groups themselves list is in ownership.ts.

import type { NodePoolSpec, PoolGroup } from "../../../shared/contract/policy/pool.ts";
import type { PoolBackEnd } from "../../../shared/model/reasons.ts";

/** Null: no group is named. */
export function backEndNameOf({ group }: Pick<NodePoolSpec, "group">): PoolBackEnd | null {
  if (group?.scale !== undefined) return "scale";
  if (group?.aws !== undefined) return "aws";
  if (group?.gcp !== undefined) return "gcp";
  if (group?.azure !== undefined) return "azure";
  return group?.simulated === undefined ? null : "simulated";
}

/** As a field of a reason. */
export function backEndOf(pool: Pick<NodePoolSpec, "group">): { readonly backEnd?: PoolBackEnd } {
  const backEnd = backEndNameOf(pool);
  return backEnd === null ? {} : { backEnd };
}

/**
 * The account in which a member's name stands for one machine; null: the cluster itself, none, or Azure, where it is a
 * number that every scale set gives anew.
 */
export function accountOf({ aws, gcp, simulated }: PoolGroup): string | null {
  if (gcp !== undefined) return JSON.stringify(["gcp", gcp.project]);
  if (aws !== undefined) return JSON.stringify(["aws", aws.region]);
  return simulated === undefined ? null : JSON.stringify(["simulated", simulated.url]);
}

/** The same for two that name one group; null: none is named. A group found by tags is only known by what it lists. */
export function identityOf(group: PoolGroup): string | null {
  const { scale, aws, gcp, azure, simulated } = group;
  if (scale !== undefined) {
    // Versions of an API are views of one object.
    const api = scale.apiVersion.split("/").slice(0, -1);
    return JSON.stringify([api, scale.kind, scale.namespace ?? null, scale.name]);
  }
  if (aws !== undefined) {
    const tags = Object.entries(aws.tags ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(["aws", aws.region, aws.autoScalingGroup ?? tags]);
  }
  if (gcp !== undefined) return JSON.stringify(["gcp", gcp.project, gcp.location, gcp.instanceGroupManager]);
  if (azure !== undefined) {
    const { subscriptionID, resourceGroup, vmScaleSet, managedCluster, agentPool } = azure;
    const names = [
      subscriptionID,
      resourceGroup,
      vmScaleSet ?? null,
      managedCluster ?? null,
      agentPool ?? null,
    ];
    // Azure does not tell upper case from lower.
    return JSON.stringify(["azure", ...names]).toLowerCase();
  }
  return simulated === undefined ? null : JSON.stringify(["simulated", simulated.url, simulated.name]);
}
