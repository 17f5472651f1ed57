// What a group's key in its subscription means (cloud/target.ts): a scale set, or a pool of an AKS cluster; and where
// each of them stands in Azure's own paths. Azure does not tell upper case from lower in names, so a key is lower case.

import { AppError } from "../../../shared/runtime/errors.ts";

interface Place {
  readonly key: string;
  readonly resourceGroup: string;
  readonly name: string;
  /** For people: `scale set gpu-spot`. */
  readonly words: string;
}

export interface ScaleSetKey extends Place {
  readonly kind: "scale-set";
}

export interface AgentPoolKey extends Place {
  readonly kind: "agent-pool";
  readonly cluster: string;
}

export type AzureKey = ScaleSetKey | AgentPoolKey;

/** @throws AppError `bug` for text that is no key of this back end. */
export function parseKey(key: string): AzureKey {
  const [resourceGroup = "", kind, name = "", kindBelow, nameBelow = "", ...more] = key.split("/");
  if (resourceGroup !== "" && name !== "" && more.length === 0) {
    if (kind === "vmscaleset" && kindBelow === undefined)
      return { kind: "scale-set", key, resourceGroup, name, words: `scale set ${name}` };
    if (kind === "managedcluster" && kindBelow === "agentpool" && nameBelow !== "")
      return {
        kind: "agent-pool",
        key,
        resourceGroup,
        cluster: name,
        name: nameBelow,
        words: `AKS pool ${nameBelow} of ${name}`,
      };
  }
  throw new AppError("bug", `${key} is no key of a group at Azure`);
}

/** Below a subscription's own path. */
export function resourceGroupPath(resourceGroup: string): string {
  return `/resourceGroups/${encodeURIComponent(resourceGroup)}`;
}

export function scaleSetPath({ resourceGroup, name }: Pick<ScaleSetKey, "resourceGroup" | "name">): string {
  return `${resourceGroupPath(resourceGroup)}/providers/Microsoft.Compute/virtualMachineScaleSets/${encodeURIComponent(name)}`;
}

export function clusterPath({
  resourceGroup,
  cluster,
}: Pick<AgentPoolKey, "resourceGroup" | "cluster">): string {
  return `${resourceGroupPath(resourceGroup)}/providers/Microsoft.ContainerService/managedClusters/${encodeURIComponent(cluster)}`;
}

export function agentPoolPath(key: Pick<AgentPoolKey, "resourceGroup" | "cluster" | "name">): string {
  return `${clusterPath(key)}/agentPools/${encodeURIComponent(key.name)}`;
}
