// Every string that outsiders see: API group, labels, annotations, taints, subjects, the lease. A name that
// others rely on is declared here and nowhere else (test/tidy.test.ts holds that). Sources: the design's
// table of names for ours; the projects named beside each line for names that belong to others.

export const API_GROUP = "gpu-autoscaler.io";
export const API_VERSION = "v1alpha1";
export const POLICY = {
  apiVersion: `${API_GROUP}/${API_VERSION}`,
  kind: "AutoscalingPolicy",
  plural: "autoscalingpolicies",
  shortName: "asp",
} as const;

/** Labels that we read or write on nodes. */
export const NODE_LABEL = {
  capacityType: "gpu-autoscaler.io/capacity-type",
  pool: "gpu-autoscaler.io/pool",
  /** Older spelling, read and never written. */
  nodePool: "gpu-autoscaler.io/node-pool",
  instanceType: "node.kubernetes.io/instance-type",
  zone: "topology.kubernetes.io/zone",
  hostname: "kubernetes.io/hostname",
} as const;

/** Labels by which other projects mark spot capacity: key → values that mean spot. */
export const FOREIGN_SPOT_LABELS: Readonly<Record<string, readonly string[]>> = {
  "karpenter.sh/capacity-type": ["spot"],
  "eks.amazonaws.com/capacityType": ["SPOT"],
  "cloud.google.com/gke-spot": ["true"],
  "cloud.google.com/gke-preemptible": ["true"],
  "kubernetes.azure.com/scalesetpriority": ["spot"],
};

/** Labels by which other projects mark capacity that is not spot: key → values that mean on-demand. */
export const FOREIGN_ON_DEMAND_LABELS: Readonly<Record<string, readonly string[]>> = {
  "karpenter.sh/capacity-type": ["on-demand"],
  "eks.amazonaws.com/capacityType": ["ON_DEMAND"],
  "kubernetes.azure.com/scalesetpriority": ["regular"],
};

export const NODE_ANNOTATION = {
  /** "true" starts a drill when a person sets it; on a real notice the agent sets it. */
  interruptionWarning: "gpu-autoscaler.io/spot-interruption-warning",
  /** RFC 3339 instant at which the node goes. */
  terminationTime: "gpu-autoscaler.io/spot-termination-time",
  /** "true": the drill also asks for a replacement node. */
  drillReplace: "gpu-autoscaler.io/drill-replace",
  /** Written by the agent: drill, aws, gcp, azure. */
  interruptionSource: "gpu-autoscaler.io/spot-interruption-source",
  /** Written by the agent: compact JSON, see contract/node-marks.ts. */
  drainState: "gpu-autoscaler.io/drain-state",
  /** Written by the coordinator: compact JSON, see contract/node-marks.ts. */
  drainRequest: "gpu-autoscaler.io/drain-request",
  /** Cluster Autoscaler: "true" keeps the node. */
  scaleDownDisabled: "cluster-autoscaler.kubernetes.io/scale-down-disabled",
  /** Karpenter: "true" keeps the node (and, on a pod, the pod). */
  doNotDisrupt: "karpenter.sh/do-not-disrupt",
  /** Cluster API: name of the Machine behind the node. */
  machine: "cluster.x-k8s.io/machine",
} as const;

export const TAINT = {
  spotInterruption: "gpu-autoscaler.io/spot-interruption",
  scaleDown: "gpu-autoscaler.io/scale-down",
  /** Kubernetes sets this one itself on a cordoned node. */
  unschedulable: "node.kubernetes.io/unschedulable",
} as const;

export const POD_ANNOTATION = {
  evictionPriority: "gpu-autoscaler.io/eviction-priority",
  evictionMode: "gpu-autoscaler.io/eviction-mode",
  extendGrace: "gpu-autoscaler.io/extend-grace",
  /** "false": the pod may not be moved although it leaves its GPUs idle. */
  reclaim: "gpu-autoscaler.io/reclaim",
  /** Cluster Autoscaler: "true" or "false". */
  safeToEvict: "cluster-autoscaler.kubernetes.io/safe-to-evict",
  doNotDisrupt: "karpenter.sh/do-not-disrupt",
  /** Set by the kubelet on static pods. */
  mirror: "kubernetes.io/config.mirror",
} as const;

export const POD_LABEL = {
  workloadType: "gpu-autoscaler.io/workload-type",
} as const;

export const CLUSTER_API = {
  group: "cluster.x-k8s.io",
  /** Any non-empty value marks the Machine that goes first when replicas fall. */
  deleteMachine: "cluster.x-k8s.io/delete-machine",
  /** Label on a Machine: the MachineDeployment that it belongs to. */
  deploymentName: "cluster.x-k8s.io/deployment-name",
  paused: "cluster.x-k8s.io/paused",
} as const;

/** Prefix of extended resources that stand for whole GPUs. MIG and shared names differ by resource name. */
export const GPU_RESOURCE = "nvidia.com/gpu";
export const GPU_RESOURCE_PREFIXES = ["nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu"] as const;

export const LEASE_NAME = "gpu-autoscaler-coordinator";
export const FIELD_MANAGER = {
  agent: "gpu-autoscaler-agent",
  coordinator: "gpu-autoscaler-coordinator",
} as const;
export const METRIC_PREFIX = "gpu_autoscaler_";

export const SUBJECT_ROOT = "gpuas.v1";
export const KV_BUCKET = { memory: "gpuas-memory", history: "gpuas-history" } as const;
/** JetStream stream that keeps notices and drain reports. */
export const STREAM = "gpuas-events";

/** Reasons of the Kubernetes events that we write. */
export const EVENT = {
  grow: "ScaledUp",
  shrink: "ScaledDown",
  replace: "ReplacementRequested",
  release: "InstanceReleased",
  moveFailed: "ScalingFailed",
  drainRequested: "DrainRequested",
  drainRefused: "DrainRefused",
  interruption: "InterruptionSeen",
  drained: "NodeDrained",
  drillRefused: "DrillRefused",
  drillCancelled: "DrillCancelled",
  unknownPriority: "UnknownEvictionPriority",
} as const;

/** Types of the conditions in a policy's status. */
export const CONDITION = {
  valid: "Valid",
  active: "Active",
  noGroup: "NoGroup",
  overlap: "NodesOverlap",
} as const;
