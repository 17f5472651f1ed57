// The kinds of object that the simulated cluster holds, one row each: where the API serves them and which
// subresources they have. The world stores by the plural name; the HTTP face builds its paths and its
// discovery from the same rows.

import type {
  ConfigMap,
  CsiNode,
  DaemonSet,
  KubeObject,
  Lease,
  Machine,
  MachinePool,
  Node,
  NodeClaim,
  NodePool,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  StorageClass,
} from "../../shared/model/kube.ts";
import {
  API_GROUP,
  API_VERSION,
  CLUSTER_API,
  GANG_KIND,
  KARPENTER,
  POLICY,
} from "../../shared/model/names.ts";

export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** `status` is written on its own path and `spec` never there. */
  readonly hasStatus: boolean;
  readonly hasScale: boolean;
  /** The server counts changes of the spec in `metadata.generation`. */
  readonly hasGeneration: boolean;
  /** Defined by a CustomResourceDefinition: lists keep `kind` on each item, creation drops `status`. */
  readonly custom: boolean;
}

const custom = {
  hasStatus: true,
  hasScale: false,
  hasGeneration: true,
  custom: true,
  namespaced: true,
} as const;
const plain = { hasStatus: false, hasScale: false, hasGeneration: false, custom: false } as const;

export const RESOURCES = {
  namespaces: {
    ...plain,
    group: "",
    version: "v1",
    plural: "namespaces",
    kind: "Namespace",
    namespaced: false,
  },
  nodes: {
    ...plain,
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
    namespaced: false,
    hasStatus: true,
  },
  pods: {
    ...plain,
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
    namespaced: true,
    hasStatus: true,
    hasGeneration: true,
  },
  persistentvolumeclaims: {
    ...plain,
    group: "",
    version: "v1",
    plural: "persistentvolumeclaims",
    kind: "PersistentVolumeClaim",
    namespaced: true,
    hasStatus: true,
  },
  persistentvolumes: {
    ...plain,
    group: "",
    version: "v1",
    plural: "persistentvolumes",
    kind: "PersistentVolume",
    namespaced: false,
    hasStatus: true,
  },
  storageclasses: {
    ...plain,
    group: "storage.k8s.io",
    version: "v1",
    plural: "storageclasses",
    kind: "StorageClass",
    namespaced: false,
  },
  csinodes: {
    ...plain,
    group: "storage.k8s.io",
    version: "v1",
    plural: "csinodes",
    kind: "CSINode",
    namespaced: false,
  },
  daemonsets: {
    ...plain,
    group: "apps",
    version: "v1",
    plural: "daemonsets",
    kind: "DaemonSet",
    namespaced: true,
    hasStatus: true,
    hasGeneration: true,
  },
  configmaps: {
    ...plain,
    group: "",
    version: "v1",
    plural: "configmaps",
    kind: "ConfigMap",
    namespaced: true,
  },
  events: { ...plain, group: "", version: "v1", plural: "events", kind: "Event", namespaced: true },
  leases: {
    ...plain,
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    namespaced: true,
  },
  poddisruptionbudgets: {
    ...plain,
    group: "policy",
    version: "v1",
    plural: "poddisruptionbudgets",
    kind: "PodDisruptionBudget",
    namespaced: true,
    hasStatus: true,
    hasGeneration: true,
  },
  machines: {
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machines",
    kind: "Machine",
    namespaced: true,
    hasStatus: true,
    hasScale: false,
    hasGeneration: true,
    custom: true,
  },
  machinedeployments: {
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machinedeployments",
    kind: "MachineDeployment",
    namespaced: true,
    hasStatus: true,
    hasScale: true,
    hasGeneration: true,
    custom: true,
  },
  machinepools: {
    ...custom,
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machinepools",
    kind: "MachinePool",
    hasScale: true,
  },
  nodepools: {
    ...custom,
    group: KARPENTER.group,
    version: "v1",
    plural: "nodepools",
    kind: "NodePool",
    namespaced: false,
    hasScale: true,
  },
  nodeclaims: {
    ...custom,
    group: KARPENTER.group,
    version: "v1",
    plural: "nodeclaims",
    kind: "NodeClaim",
    namespaced: false,
  },
  autoscalingpolicies: {
    group: API_GROUP,
    version: API_VERSION,
    plural: POLICY.plural,
    kind: POLICY.kind,
    namespaced: false,
    hasStatus: true,
    hasScale: false,
    hasGeneration: true,
    custom: true,
  },
  podgroups: { ...custom, ...foreign(GANG_KIND.podGroup) },
  volcanopodgroups: { ...custom, ...foreign(GANG_KIND.volcanoPodGroup) },
  jobsets: { ...custom, ...foreign(GANG_KIND.jobSet) },
} as const satisfies Record<string, ResourceInfo>;

/** A kind of another project, as if that were installed. */
function foreign({
  apiVersion,
  kind,
  plural,
}: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}) {
  const [group = "", version = ""] = apiVersion.split("/");
  return { group, version, kind, plural };
}

export type ResourceName = keyof typeof RESOURCES;

/** Cluster API: a group of machines with a size. */
export interface MachineDeployment extends KubeObject {
  readonly spec: {
    readonly clusterName?: string;
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template?: object;
  };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly observedGeneration?: number;
    readonly selector?: string;
    readonly phase?: string;
  };
}

/** An object of which the world itself reads nothing but the metadata. */
export interface OpaqueObject extends KubeObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

export interface Objects {
  readonly namespaces: OpaqueObject;
  readonly nodes: Node;
  readonly pods: Pod;
  readonly persistentvolumeclaims: PersistentVolumeClaim;
  readonly persistentvolumes: PersistentVolume;
  readonly storageclasses: StorageClass;
  readonly csinodes: CsiNode;
  readonly daemonsets: DaemonSet;
  readonly configmaps: ConfigMap;
  readonly events: OpaqueObject;
  readonly leases: Lease;
  readonly poddisruptionbudgets: PodDisruptionBudget;
  readonly machines: Machine;
  readonly machinedeployments: MachineDeployment;
  readonly machinepools: MachinePool;
  readonly nodepools: NodePool;
  readonly nodeclaims: NodeClaim;
  readonly autoscalingpolicies: OpaqueObject;
  readonly podgroups: OpaqueObject;
  readonly volcanopodgroups: OpaqueObject;
  readonly jobsets: OpaqueObject;
}

export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The key under which the store keeps an object: `namespace/name`, or the name alone. */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace === undefined || ref.namespace === "" ? ref.name : `${ref.namespace}/${ref.name}`;
}

export function apiVersionOf(info: ResourceInfo): string {
  return info.group === "" ? info.version : `${info.group}/${info.version}`;
}
