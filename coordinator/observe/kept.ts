// What is kept of each object that the API server sends: the fields that inputs are made of, and no other. Half of
// a real pod is environment, mounts, images and states of containers, and 5,000 of them would take the memory that
// the coordinator has. A field that an input comes to read has to be added here too.

import type {
  Affinity,
  Condition,
  Container,
  CsiNode,
  DaemonSet,
  Node,
  ObjectMeta,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
  Volume,
} from "../../shared/model/kube.ts";
import {
  DEFAULT_CLASS_ANNOTATION,
  GANG_ANNOTATION,
  NODE_ANNOTATION,
  NODE_CONDITION,
  POD_ANNOTATION,
} from "../../shared/model/names.ts";

const POD_ANNOTATIONS = [...Object.values(POD_ANNOTATION), ...Object.values(GANG_ANNOTATION)];
/** Others are written on every node now and then, by Kubernetes itself too, and each would begin a cycle. */
const NODE_ANNOTATIONS = Object.values(NODE_ANNOTATION);
const POD_CONDITIONS = ["PodScheduled", "Ready"];
const NODE_CONDITIONS: readonly string[] = ["Ready", NODE_CONDITION.gpuHealthy];

export function keptPod({ metadata, spec, status }: Pod): Pod {
  return {
    metadata: {
      ...pick(metadata, "name", "namespace", "uid", "creationTimestamp", "labels"),
      ...pick(metadata, "deletionTimestamp", "deletionGracePeriodSeconds"),
      ...annotationsOf(metadata, POD_ANNOTATIONS),
      ...controllersOf(metadata),
    },
    spec: keptPodSpec(spec),
    ...(status === undefined
      ? {}
      : {
          status: {
            ...pick(status, "phase", "nominatedNodeName", "startTime"),
            ...conditionsOf(status.conditions, POD_CONDITIONS, "reason", "lastTransitionTime"),
          },
        }),
  };
}

function keptPodSpec(spec: Pod["spec"]): Pod["spec"] {
  return {
    ...pick(
      spec,
      "nodeName",
      "nodeSelector",
      "tolerations",
      "overhead",
      "priority",
      "priorityClassName",
      "topologySpreadConstraints",
      "hostNetwork",
      "resources",
      "resourceClaims",
    ),
    ...(spec.affinity === undefined ? {} : { affinity: keptAffinity(spec.affinity) }),
    containers: spec.containers.map(keptContainer),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(keptContainer) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.flatMap(keptPodVolume) }),
  };
}

/** Without preferences, which may be many and never forbid. */
function keptAffinity({ nodeAffinity, podAffinity, podAntiAffinity }: Affinity): Affinity {
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  return {
    ...(nodeAffinity === undefined ? {} : { nodeAffinity: pick(nodeAffinity, required) }),
    ...(podAffinity === undefined ? {} : { podAffinity: pick(podAffinity, required) }),
    ...(podAntiAffinity === undefined ? {} : { podAntiAffinity: pick(podAntiAffinity, required) }),
  };
}

function keptContainer(container: Container): Container {
  return pick(container, "name", "ports", "resources", "restartPolicy");
}

/** Configuration and secrets say nothing about a place. */
function keptPodVolume(volume: Volume): readonly Volume[] {
  const kept = pick(volume, "name", "persistentVolumeClaim", "ephemeral", "emptyDir", "hostPath");
  return Object.keys(kept).length > 1 ? [kept] : [];
}

export function keptDaemonSet({ metadata, spec }: DaemonSet): DaemonSet {
  const template = spec?.template?.spec;
  return {
    metadata: pick(metadata, "name", "namespace", "uid", "deletionTimestamp"),
    ...(template === undefined ? {} : { spec: { template: { spec: keptPodSpec(template) } } }),
  };
}

export function keptNode({ metadata, spec, status }: Node): Node {
  return {
    metadata: {
      ...pick(metadata, "name", "uid", "creationTimestamp", "labels"),
      ...annotationsOf(metadata, NODE_ANNOTATIONS),
    },
    ...(spec === undefined ? {} : { spec: pick(spec, "unschedulable", "taints", "providerID") }),
    ...(status === undefined
      ? {}
      : {
          status: {
            ...pick(status, "capacity", "allocatable"),
            ...conditionsOf(status.conditions, NODE_CONDITIONS, "reason", "message", "lastTransitionTime"),
          },
        }),
  };
}

export function keptClaim({ metadata, spec, status }: PersistentVolumeClaim): PersistentVolumeClaim {
  return {
    metadata: pick(metadata, "name", "namespace", "deletionTimestamp"),
    ...(spec === undefined ? {} : { spec: pick(spec, "storageClassName", "volumeName") }),
    ...(status === undefined ? {} : { status: pick(status, "phase") }),
  };
}

export function keptVolume({ metadata, spec, status }: PersistentVolume): PersistentVolume {
  return {
    metadata: pick(metadata, "name", "labels"),
    ...(spec === undefined
      ? {}
      : {
          spec: {
            ...pick(spec, "nodeAffinity", "storageClassName"),
            ...(spec.csi === undefined ? {} : { csi: { driver: spec.csi.driver } }),
          },
        }),
    ...(status === undefined ? {} : { status: pick(status, "phase") }),
  };
}

export function keptClass(storageClass: StorageClass): StorageClass {
  const { metadata } = storageClass;
  return {
    metadata: {
      ...pick(metadata, "name", "creationTimestamp"),
      ...annotationsOf(metadata, [DEFAULT_CLASS_ANNOTATION]),
    },
    ...pick(storageClass, "provisioner", "volumeBindingMode", "allowedTopologies"),
  };
}

export function keptCsiNode({ metadata, spec }: CsiNode): CsiNode {
  return {
    metadata: { name: metadata.name },
    spec: { drivers: (spec?.drivers ?? []).map((driver) => pick(driver, "name", "allocatable")) },
  };
}

function controllersOf({ ownerReferences }: ObjectMeta): Pick<ObjectMeta, "ownerReferences"> {
  const controllers = ownerReferences?.filter(({ controller }) => controller === true) ?? [];
  return controllers.length === 0 ? {} : { ownerReferences: controllers };
}

function annotationsOf(
  { annotations = {} }: ObjectMeta,
  keys: readonly string[],
): Pick<ObjectMeta, "annotations"> {
  const kept: Record<string, string> = {};
  for (const key of keys) {
    const value = annotations[key];
    if (value !== undefined) kept[key] = value;
  }
  return Object.keys(kept).length === 0 ? {} : { annotations: kept };
}

function conditionsOf(
  conditions: readonly Condition[] | undefined,
  types: readonly string[],
  ...fields: readonly (keyof Condition)[]
): { readonly conditions?: readonly Condition[] } {
  if (conditions === undefined) return {};
  return {
    conditions: conditions
      .filter(({ type }) => types.includes(type))
      .map((condition) => pick(condition, "type", "status", ...fields)),
  };
}

/** The fields that are there. A server writes null for a time that nobody gave, whatever the type says: that is absent too. */
function pick<T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> {
  const isThere = (key: K): boolean => ![undefined, null].includes(from[key] as null | undefined);
  const entries = keys.filter(isThere).map((key) => [key, from[key]] as const);
  return Object.fromEntries(entries) as Pick<T, K>;
}
