// Which kinds of the cluster's own objects we know more of than that they have a size, by what a policy writes down.
// Whether a NodePool is static stands in the object and cannot change while that lives.

import type { ScaleGroup } from "../../../shared/contract/policy/pool.ts";
import type { KubeObject, NodePool } from "../../../shared/model/kube.ts";
import { CLUSTER_API, KARPENTER } from "../../../shared/model/names.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";

export type ScaleKind = "machine-deployment" | "machine-pool" | "node-pool" | "other";

type KindName = Pick<ScaleGroup, "apiVersion" | "kind">;

export function scaleKindOf({ apiVersion, kind }: KindName): ScaleKind {
  const [group] = apiVersion.split("/");
  if (group === CLUSTER_API.group && kind === "MachineDeployment") return "machine-deployment";
  if (group === CLUSTER_API.group && kind === "MachinePool") return "machine-pool";
  if (group === KARPENTER.group && kind === "NodePool") return "node-pool";
  return "other";
}

/** Whether it has a size of its own. What the size is, and that it is one, is checked where it is read. */
export function isStatic({ spec }: NodePool): boolean {
  return spec?.replicas !== undefined && spec.replicas !== null;
}

/** The same kind in the version that a policy names: objects beside a group are of the group's version. */
export function inVersionOf<T extends KubeObject>(resource: Resource<T>, apiVersion: string): Resource<T> {
  return { ...resource, version: apiVersion.slice(apiVersion.indexOf("/") + 1) };
}

export const machinesOf = (apiVersion: string) => inVersionOf(RESOURCE.machines, apiVersion);
export const nodePoolsOf = (apiVersion: string) => inVersionOf(RESOURCE.nodePools, apiVersion);
export const nodeClaimsOf = (apiVersion: string) => inVersionOf(RESOURCE.nodeClaims, apiVersion);
