// What Cluster API's objects and a fresh node look like, as JSON. Shapes only; when they appear and change is
// for the machines.

import type { Condition, Machine, Node, ResourceList } from "../../shared/model/kube.ts";
import { CLUSTER_API, GPU_RESOURCE_PREFIXES, NODE_LABEL } from "../../shared/model/names.ts";
import { readyCondition } from "./world-nodes.ts";
import type { PoolShape } from "./world-options.ts";
import { withCondition } from "./world-pods.ts";
import type { MachineDeployment } from "./world-resources.ts";

const CLUSTER = "sim";

export function deploymentFor(shape: PoolShape): MachineDeployment {
  const labels = { [CLUSTER_API.deploymentName]: shape.name };
  return {
    metadata: {
      name: shape.name,
      namespace: shape.namespace ?? "default",
    },
    spec: {
      clusterName: CLUSTER,
      replicas: shape.replicas ?? 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { clusterName: CLUSTER, version: "v1.34.0" } },
    },
  };
}

export function machineFor(group: MachineDeployment, name: string, zone: string): Machine {
  const { namespace, uid = "" } = group.metadata;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [CLUSTER_API.deploymentName]: group.metadata.name },
      ownerReferences: [
        {
          apiVersion: `${CLUSTER_API.group}/v1beta1`,
          kind: "MachineDeployment",
          name: group.metadata.name,
          uid,
          controller: true,
        },
      ],
    },
    spec: { clusterName: CLUSTER, failureDomain: zone },
    status: { phase: "Pending" },
  };
}

/** What decides how a fresh node looks: its pool's shape, and where it runs. */
export interface NodeOrigin {
  readonly shape: Pick<
    PoolShape,
    "name" | "instanceType" | "capacityType" | "labels" | "taints" | "allocatable"
  >;
  readonly zone: string;
  readonly providerID: string;
  readonly bootID: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A node that has just registered: not ready, and without GPUs, since their device plugin is not up yet. */
export function nodeFor(name: string, origin: NodeOrigin, now: string): Node {
  const { shape, zone, providerID, bootID, annotations } = origin;
  return {
    metadata: {
      name,
      labels: {
        "kubernetes.io/os": "linux",
        [NODE_LABEL.hostname]: name,
        [NODE_LABEL.instanceType]: shape.instanceType,
        [NODE_LABEL.zone]: zone,
        [NODE_LABEL.pool]: shape.name,
        [NODE_LABEL.capacityType]: shape.capacityType,
        ...shape.labels,
      },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      providerID,
      ...(shape.taints === undefined ? {} : { taints: shape.taints }),
    },
    status: {
      capacity: withoutGpus(shape.allocatable),
      allocatable: withoutGpus(shape.allocatable),
      conditions: [readyCondition(false, now), ...pressureConditions(now)],
      nodeInfo: { bootID },
    },
  };
}

export function withGpus(node: Node, shape: Pick<PoolShape, "allocatable">, now: string): Node {
  return {
    ...node,
    status: {
      ...node.status,
      capacity: shape.allocatable,
      allocatable: shape.allocatable,
      conditions: withCondition(node.status?.conditions, readyCondition(true, now)),
    },
  };
}

function withoutGpus(list: ResourceList): ResourceList {
  return Object.fromEntries(
    Object.entries(list).filter(([name]) => !GPU_RESOURCE_PREFIXES.some((prefix) => name.startsWith(prefix))),
  );
}

function pressureConditions(now: string): readonly Condition[] {
  return ["MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => ({
    type,
    status: "False",
    reason: "KubeletHasNoPressure",
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }));
}
