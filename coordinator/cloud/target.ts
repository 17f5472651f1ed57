// Which group sizes a pool, as the policy says it: one of the back ends with what that one needs to find the group.

import type {
  AwsGroup,
  AzureGroup,
  GcpGroup,
  PoolGroup,
  ScaleGroup,
  SimulatedGroup,
} from "../../shared/contract/policy/pool.ts";

export type GroupTarget =
  | { readonly kind: "scale"; readonly scale: ScaleGroup }
  | { readonly kind: "aws"; readonly aws: AwsGroup }
  | { readonly kind: "gcp"; readonly gcp: GcpGroup }
  | { readonly kind: "azure"; readonly azure: AzureGroup }
  | { readonly kind: "simulated"; readonly simulated: SimulatedGroup };

/** Groups that a cloud account runs, in contrast to objects of the cluster. */
export type CloudTarget = Exclude<GroupTarget, { readonly kind: "scale" }>;

/** Null for a pool without a group. */
export function targetOf(group: PoolGroup | undefined): GroupTarget | null {
  if (group?.scale !== undefined) return { kind: "scale", scale: group.scale };
  if (group?.aws !== undefined) return { kind: "aws", aws: group.aws };
  if (group?.gcp !== undefined) return { kind: "gcp", gcp: group.gcp };
  if (group?.azure !== undefined) return { kind: "azure", azure: group.azure };
  if (group?.simulated !== undefined) return { kind: "simulated", simulated: group.simulated };
  return null;
}

/** The account that a cloud target belongs to: one limiter, one cache, one set of clients. */
export function accountKey(target: CloudTarget): string {
  switch (target.kind) {
    case "aws":
      return `aws ${target.aws.region}`;
    case "gcp":
      return `gcp ${target.gcp.project}`;
    case "azure":
      return `azure ${target.azure.subscriptionID.toLowerCase()}`;
    case "simulated":
      return `simulated ${target.simulated.url}`;
    default:
      return target satisfies never;
  }
}

/** The account's name in metrics, logs and messages: `aws us-west-2`. */
export function accountName(target: CloudTarget): string {
  switch (target.kind) {
    case "aws":
      return `aws ${target.aws.region}`;
    case "gcp":
    case "azure":
      return accountKey(target);
    case "simulated":
      return `simulated ${new URL(target.simulated.url).host}`;
    default:
      return target satisfies never;
  }
}

/**
 * The group's key in its account. Of an AWS group by tags: `tags:` and the tags, sorted, as JSON. At Google Cloud
 * `zone/name`. At Azure, which does not tell upper case from lower, in lower case: `resource group/vmscaleset/name`, or
 * `resource group/managedcluster/name/agentpool/name`.
 */
export function groupKey(target: CloudTarget): string {
  switch (target.kind) {
    case "aws": {
      const { autoScalingGroup, tags = {} } = target.aws;
      return autoScalingGroup ?? `tags:${JSON.stringify(Object.entries(tags).toSorted(byKey))}`;
    }
    case "gcp":
      return `${target.gcp.location}/${target.gcp.instanceGroupManager}`;
    case "azure": {
      const { resourceGroup, vmScaleSet, managedCluster, agentPool } = target.azure;
      const group =
        vmScaleSet === undefined
          ? `managedCluster/${managedCluster ?? ""}/agentPool/${agentPool ?? ""}`
          : `vmScaleSet/${vmScaleSet}`;
      return `${resourceGroup}/${group}`.toLowerCase();
    }
    case "simulated":
      return target.simulated.name;
    default:
      return target satisfies never;
  }
}

/** In words, for people. */
export function describeTarget(target: GroupTarget): string {
  switch (target.kind) {
    case "scale":
      return `${target.scale.kind} ${target.scale.name}`;
    case "aws":
      return `Auto Scaling group ${groupKey(target)} in ${target.aws.region}`;
    case "gcp":
      return `instance group ${target.gcp.instanceGroupManager} in ${target.gcp.location} of ${target.gcp.project}`;
    case "azure": {
      const { resourceGroup, vmScaleSet, managedCluster, agentPool } = target.azure;
      return vmScaleSet === undefined
        ? `AKS pool ${agentPool ?? ""} of ${managedCluster ?? ""} in ${resourceGroup}`
        : `scale set ${vmScaleSet} in ${resourceGroup}`;
    }
    case "simulated":
      return `simulated group ${target.simulated.name}`;
    default:
      return target satisfies never;
  }
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
