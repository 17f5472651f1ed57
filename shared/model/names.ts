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
  region: "topology.kubernetes.io/region",
  arch: "kubernetes.io/arch",
  os: "kubernetes.io/os",
  /** Kubernetes: load balancers of the cloud leave the node out; ours where the value is EXCLUDED_BY_US. */
  excludeFromLoadBalancers: "node.kubernetes.io/exclude-from-external-load-balancers",
  /** GPU feature discovery: the driver's name of the GPU, and how many cards there are. */
  gpuProduct: "nvidia.com/gpu.product",
  gpuCount: "nvidia.com/gpu.count",
  /** GPU feature discovery: none, single or mixed. */
  migStrategy: "nvidia.com/mig.strategy",
  /** GKE: the accelerator type of the node's pool. */
  gkeAccelerator: "cloud.google.com/gke-accelerator",
  /** GKE: the node's pool; on each of its nodes. */
  gkeNodePool: "cloud.google.com/gke-nodepool",
} as const;

/** The value by which we know the load-balancer label as ours. */
export const EXCLUDED_BY_US = "gpu-autoscaler";

/** NVIDIA's GPU operator pauses its parts on a node with this value of their labels while it exchanges the driver. */
export const DRIVER_UPGRADE = {
  labelPrefix: "nvidia.com/gpu.deploy.",
  paused: "paused-for-driver-upgrade",
} as const;

/** Labels by which other projects name the GPU model of a node, the most exact first. */
export const GPU_MODEL_LABELS: readonly string[] = [
  NODE_LABEL.gpuProduct,
  // AMD's device plugin and node labeller, newer and older spelling.
  "amd.com/gpu.product-name",
  "beta.amd.com/gpu.product-name",
  NODE_LABEL.gkeAccelerator,
  // Karpenter on AWS and on Azure.
  "karpenter.k8s.aws/instance-gpu-name",
  "karpenter.azure.com/sku-gpu-name",
  // Cluster Autoscaler on AWS, Azure (two spellings) and Cluster API.
  "k8s.amazonaws.com/accelerator",
  "kubernetes.azure.com/accelerator",
  "accelerator",
  "cluster-api/accelerator",
];

/** Labels that a node has because there is a card of NVIDIA's in it: the GPU operator's, and those of Node Feature Discovery. */
export const GPU_PRESENCE_LABELS: readonly string[] = [
  "nvidia.com/gpu.present",
  "feature.node.kubernetes.io/pci-10de.present",
  "feature.node.kubernetes.io/pci-0302_10de.present",
  "feature.node.kubernetes.io/pci-0300_10de.present",
];

/**
 * Before labels that a node with GPUs gets once it is there: those of NVIDIA's GPU operator and of AMD's, and of Node
 * Feature Discovery, on which both build.
 */
export const LATE_GPU_LABEL_PREFIXES: readonly string[] = [
  "nvidia.com/",
  "amd.com/",
  "feature.node.kubernetes.io/",
];

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

/** Labels by which storage drivers name a node's zone, with the values of `NODE_LABEL.zone`; a new node gets them late. */
export const FOREIGN_ZONE_LABELS: readonly string[] = [
  "topology.ebs.csi.aws.com/zone",
  "topology.gke.io/zone",
  "topology.disk.csi.azure.com/zone",
  "failure-domain.beta.kubernetes.io/zone",
];

/** AWS: id of a node's zone, which means the same to every account; names of zones do not. */
export const AWS_ZONE_ID_LABEL = "topology.k8s.aws/zone-id";

/** Types of conditions in a node's status, beside those of Kubernetes. */
export const NODE_CONDITION = {
  /** Written by the agent: False when a GPU is not fit for work. */
  gpuHealthy: "GpuHealthy",
} as const;

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
  /** Written by the agent: compact JSON; the machine may go soon, or its host is worked on. */
  interruptionHint: "gpu-autoscaler.io/interruption-hint",
  /** "true": the drill also moves pods that nobody makes again. */
  drillUnmanaged: "gpu-autoscaler.io/drill-unmanaged",
  /** "true": when the drill is over the node is given back, though the annotation still stands. */
  drillAutoUncordon: "gpu-autoscaler.io/drill-auto-uncordon",
  /** Written by the coordinator: compact JSON, see contract/node-marks.ts. */
  drainRequest: "gpu-autoscaler.io/drain-request",
  /** Cluster Autoscaler: "true" keeps the node. */
  scaleDownDisabled: "cluster-autoscaler.kubernetes.io/scale-down-disabled",
  /** Karpenter: "true" keeps the node (and, on a pod, the pod). */
  doNotDisrupt: "karpenter.sh/do-not-disrupt",
  /** Cluster API: name of the Machine behind the node. */
  machine: "cluster.x-k8s.io/machine",
} as const;

/** Kubernetes: to which Pod Security Standard the pods of a namespace are held. */
export const POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce";
/** Kubernetes: where kubelets renew a Lease for each node. */
export const NODE_LEASE_NAMESPACE = "kube-node-lease";
/** Label of objects (Kubernetes' recommendation): the version of the program. */
export const VERSION_LABEL = "app.kubernetes.io/version";

/** Set by the Kubernetes API server on each namespace: its own name. */
export const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

export const TAINT = {
  spotInterruption: "gpu-autoscaler.io/spot-interruption",
  scaleDown: "gpu-autoscaler.io/scale-down",
  /** Kubernetes sets this one itself on a cordoned node. */
  unschedulable: "node.kubernetes.io/unschedulable",
} as const;

/** Taints by which others mark a node that they empty: Karpenter, Cluster Autoscaler, AWS's and Google's handlers, AKS. */
export const FOREIGN_DRAIN_TAINTS: readonly string[] = [
  "karpenter.sh/disrupted",
  "ToBeDeletedByClusterAutoscaler",
  "aws-node-termination-handler/spot-itn",
  "aws-node-termination-handler/scheduled-maintenance",
  "aws-node-termination-handler/asg-lifecycle-termination",
  "aws-node-termination-handler/rebalance-recommendation",
  "cloud.google.com/impending-node-termination",
  "remediator.kubernetes.azure.com/unschedulable",
];

/** Taints by which Kubernetes marks a passing state of a node: its DaemonSets run all the same. */
export const NODE_STATE_TAINT = {
  notReady: "node.kubernetes.io/not-ready",
  unreachable: "node.kubernetes.io/unreachable",
  diskPressure: "node.kubernetes.io/disk-pressure",
  memoryPressure: "node.kubernetes.io/memory-pressure",
  pidPressure: "node.kubernetes.io/pid-pressure",
  networkUnavailable: "node.kubernetes.io/network-unavailable",
} as const;

export const POD_ANNOTATION = {
  evictionPriority: "gpu-autoscaler.io/eviction-priority",
  evictionMode: "gpu-autoscaler.io/eviction-mode",
  extendGrace: "gpu-autoscaler.io/extend-grace",
  /** "false": the pod may not be moved although it leaves its GPUs idle. */
  reclaim: "gpu-autoscaler.io/reclaim",
  /** Cluster Autoscaler: "true" or "false". */
  safeToEvict: "cluster-autoscaler.kubernetes.io/safe-to-evict",
  /** Cluster Autoscaler: names of the pod's local volumes, with commas, that may be lost. */
  safeToEvictLocalVolumes: "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
  doNotDisrupt: "karpenter.sh/do-not-disrupt",
  /** Asked at the notice, so that the pod saves its state. */
  checkpointUrl: "gpu-autoscaler.io/checkpoint-url",
  /** The same by a command inside the pod: a JSON list of arguments. */
  checkpointExec: "gpu-autoscaler.io/checkpoint-exec",
  /** The container that the command runs in; left out: the first. */
  checkpointContainer: "gpu-autoscaler.io/checkpoint-container",
  /** Seconds that saving may take; 60 where it is left out. */
  checkpointTimeout: "gpu-autoscaler.io/checkpoint-timeout",
  /** Written by the agent: RFC 3339 instant at which the pod's node goes. */
  terminationDeadline: "gpu-autoscaler.io/termination-deadline",
  /** Pods of one namespace with the same value run together or not at all. */
  gang: "gpu-autoscaler.io/gang",
  /** How many of them have to. */
  gangSize: "gpu-autoscaler.io/gang-size",
  /** The GPU that the pod needs, by any name of it: "H100", "a100-80gb". */
  gpuModel: "gpu-autoscaler.io/gpu-model",
  /** Kubernetes' ProvisioningRequest: its name, on the pods that will use it. */
  provisioningRequest: "autoscaling.x-k8s.io/consume-provisioning-request",
  /** Cluster Autoscaler's older spelling of it. */
  oldProvisioningRequest: "cluster-autoscaler.kubernetes.io/consume-provisioning-request",
  /** Set by the kubelet on static pods. */
  mirror: "kubernetes.io/config.mirror",
} as const;

/** Header of the call by which a pod is told to save its state: the id of the occasion, the same when it is told again. */
export const CHECKPOINT_EVENT_HEADER = "Gpu-Autoscaler-Event-Id";

/** Kubernetes: why a pod is ended from outside; the Eviction API sets it, and a failure policy of a Job reads it. */
export const DISRUPTION = {
  condition: "DisruptionTarget",
  /** Ours, where a pod is deleted past its budgets. */
  reason: "TerminationByGpuAutoscaler",
} as const;

export const POD_LABEL = {
  workloadType: "gpu-autoscaler.io/workload-type",
} as const;

/** Kinds of other projects that say how many pods have to run together, where they are installed. */
export const GANG_KIND = {
  /** scheduler-plugins: coscheduling. */
  podGroup: { apiVersion: "scheduling.x-k8s.io/v1alpha1", kind: "PodGroup", plural: "podgroups" },
  /** Volcano. */
  volcanoPodGroup: { apiVersion: "scheduling.volcano.sh/v1beta1", kind: "PodGroup", plural: "podgroups" },
  /** JobSet. */
  jobSet: { apiVersion: "jobset.x-k8s.io/v1alpha2", kind: "JobSet", plural: "jobsets" },
} as const;

/** Labels of pods that name their gang. */
export const GANG_LABEL = {
  /** scheduler-plugins: name of the PodGroup. */
  podGroup: "scheduling.x-k8s.io/pod-group",
  /** JobSet, and how often it was begun anew: pods of two attempts never run together. */
  jobSet: "jobset.sigs.k8s.io/jobset-name",
  jobSetAttempt: "jobset.sigs.k8s.io/restart-attempt",
  /** Kueue: group of plain pods. */
  kueueGroup: "kueue.x-k8s.io/pod-group-name",
  /** LeaderWorkerSet, and which of its groups: by number, or by a hash. */
  leaderWorkerSet: "leaderworkerset.sigs.k8s.io/name",
  leaderWorkerGroup: "leaderworkerset.sigs.k8s.io/group-index",
  leaderWorkerKey: "leaderworkerset.sigs.k8s.io/group-key",
} as const;

/** Annotations of pods that name their gang or its size. */
export const GANG_ANNOTATION = {
  /** Volcano: name of the PodGroup, in both spellings. */
  volcanoPodGroup: "scheduling.k8s.io/group-name",
  newVolcanoPodGroup: "scheduling.volcano.sh/group-name",
  /** Kueue: pods in the group. */
  kueueSize: "kueue.x-k8s.io/pod-group-total-count",
  /** LeaderWorkerSet: pods in each group. */
  leaderWorkerSize: "leaderworkerset.sigs.k8s.io/size",
} as const;

/** Annotation of the StorageClass that claims without one get (Kubernetes). */
export const DEFAULT_CLASS_ANNOTATION = "storageclass.kubernetes.io/is-default-class";
/** Provisioner of classes whose volumes somebody makes by hand (Kubernetes). */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";

export const CLUSTER_API = {
  group: "cluster.x-k8s.io",
  /** Any non-empty value marks the Machine that goes first when replicas fall. */
  deleteMachine: "cluster.x-k8s.io/delete-machine",
  /** Label on a Machine: the MachineDeployment that it belongs to. */
  deploymentName: "cluster.x-k8s.io/deployment-name",
  /** Label on a Machine that only shows what a MachinePool's provider made: the MachinePool. */
  poolName: "cluster.x-k8s.io/pool-name",
  paused: "cluster.x-k8s.io/paused",
  /** Condition of an object that its controllers leave alone, since it or its Cluster is paused. */
  pausedCondition: "Paused",
  /** Annotations of a group: the bounds that Cluster Autoscaler keeps. */
  minSize: "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size",
  maxSize: "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size",
} as const;

/** Annotations of a Cluster API group that say what its nodes are, as Cluster Autoscaler reads them. */
export const CAPACITY_ANNOTATION = {
  cpu: "capacity.cluster-autoscaler.kubernetes.io/cpu",
  memory: "capacity.cluster-autoscaler.kubernetes.io/memory",
  disk: "capacity.cluster-autoscaler.kubernetes.io/ephemeral-disk",
  pods: "capacity.cluster-autoscaler.kubernetes.io/maxPods",
  /** The name of the resource, such as nvidia.com/gpu. */
  gpuType: "capacity.cluster-autoscaler.kubernetes.io/gpu-type",
  gpuCount: "capacity.cluster-autoscaler.kubernetes.io/gpu-count",
  labels: "capacity.cluster-autoscaler.kubernetes.io/labels",
  taints: "capacity.cluster-autoscaler.kubernetes.io/taints",
} as const;

export const KARPENTER = {
  group: "karpenter.sh",
  /** Label on NodeClaims and nodes: the NodePool that they belong to. */
  nodePool: "karpenter.sh/nodepool",
  /** Finalizer of a NodeClaim: its node is drained and its machine ended first. */
  termination: "karpenter.sh/termination",
  /** Reason of the event at a NodeClaim that got no machine and was deleted for it. */
  noCapacity: "InsufficientCapacityError",
} as const;

/** Cluster Autoscaler: what it says of itself in a cluster. */
export const CLUSTER_AUTOSCALER = {
  namespace: "kube-system",
  /** ConfigMap in which it writes, each ten seconds or so, which groups it sizes. */
  status: "cluster-autoscaler-status",
  /** Its annotation with the time of the last writing. */
  lastUpdated: "cluster-autoscaler.kubernetes.io/last-updated",
  /** Taints of nodes that it removes, or is about to. */
  taints: ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"],
} as const;

/** What we note on the objects that size groups. */
export const GROUP_ANNOTATION = {
  /** On a static NodePool: NodeClaims that are being removed and for which the number has still to fall, as JSON. */
  lowering: "gpu-autoscaler.io/lowering",
  /** On a NodeClaim: when its removal was called off. A request that is still on its way finds it changed. */
  kept: "gpu-autoscaler.io/kept",
  /** On a dynamic NodePool whose limits we lowered: for which policy, what we set, and what stood there before, as JSON. */
  limitBefore: "gpu-autoscaler.io/limit-before",
} as const;

/** GKE: keys of the metadata in the instance templates of its node pools. */
export const GKE_METADATA = {
  kubeEnv: "kube-env",
  labels: "kube-labels",
  clusterName: "cluster-name",
  clusterLocation: "cluster-location",
  /** A line of kube-env that says what a new node will be. */
  forAutoscalers: "AUTOSCALER_ENV_VARS",
} as const;

/** Tags of Auto Scaling groups at AWS. */
export const AWS_TAG = {
  /** Ours: "true" on groups that the coordinator may change; deploy/clouds/aws/policy.json binds its rights to it. */
  enabled: "gpu-autoscaler.io/enabled",
  /** Cluster Autoscaler: before `label/`, `taint/` and `resources/`, what a new node of the group will be. */
  nodeTemplate: "k8s.io/cluster-autoscaler/node-template/",
  /** Cluster Autoscaler: on every group that it looks for and sizes; EKS sets it on its managed node groups. */
  clusterAutoscaler: "k8s.io/cluster-autoscaler/enabled",
  /** EKS: the managed node group behind the Auto Scaling group. */
  eksNodeGroup: "eks:nodegroup-name",
} as const;
/** EKS: label of the nodes of a managed node group, with its name. */
export const EKS_NODE_GROUP_LABEL = "eks.amazonaws.com/nodegroup";

/** Tags of scale sets at Azure, whose names have no slash: Cluster Autoscaler writes `_` for it, and `~2` for a `_`. */
export const AZURE_TAG = {
  /** Cluster Autoscaler: before `label_`, `taint_` and `resources_`, what a new machine of the set will be. */
  nodeTemplate: "k8s.io_cluster-autoscaler_node-template_",
  /** Cluster Autoscaler: bounds of the set's size. */
  min: "min",
  max: "max",
  /** AKS: the pool that a scale set in the cluster's node resource group is of. */
  aksPool: "aks-managed-poolName",
} as const;
/** AKS: labels of the nodes of a pool, with its name, and that of its spot nodes. */
export const AKS_NODE_LABEL = {
  pool: "kubernetes.azure.com/agentpool",
  legacyPool: "agentpool",
  priority: "kubernetes.azure.com/scalesetpriority",
} as const;

/** Prefix of extended resources that stand for whole GPUs. MIG and shared names differ by resource name. */
export const GPU_RESOURCE = "nvidia.com/gpu";
export const AMD_GPU_RESOURCE = "amd.com/gpu";
/** Before a MIG profile: NVIDIA's device plugin with the mixed strategy. */
export const MIG_RESOURCE_PREFIX = "nvidia.com/mig-";
export const GPU_RESOURCE_PREFIXES = [GPU_RESOURCE, MIG_RESOURCE_PREFIX, AMD_GPU_RESOURCE] as const;

export const LEASE_NAME = "gpu-autoscaler-coordinator";
/** Where gpuasctl asks for the coordinator's pages when it is not told. */
export const COORDINATOR_SERVICE = {
  namespace: "gpu-autoscaler-system",
  name: "gpu-autoscaler-coordinator",
  port: "9403",
} as const;
/** Under which our programs run unless the cluster's operator says otherwise. */
export const SERVICE_ACCOUNT = {
  namespace: "gpu-autoscaler-system",
  agent: "gpu-autoscaler-agent",
  coordinator: "gpu-autoscaler-coordinator",
} as const;
/**
 * No object of this kind is ever made: the right to `create` it, in our API group, is the right to hold drills, and the
 * right to `delete` it the one to take marks off a node whose agent is gone.
 */
export const DRILLS = "drills";
/** Annotation of any object (Kubernetes): what it is for, for people. */
export const DESCRIPTION = "kubernetes.io/description";
/** What a token that is bound to a pod says of the pod's node (Kubernetes 1.30 and newer). */
export const NODE_CLAIM = "authentication.kubernetes.io/node-name";
/** And of the pod itself. */
export const POD_NAME_CLAIM = "authentication.kubernetes.io/pod-name";
export const POD_UID_CLAIM = "authentication.kubernetes.io/pod-uid";
/** Of the tokens by which agents connect to NATS: good for nothing else. */
export const NATS_AUDIENCE = "gpu-autoscaler-nats";
/** The NATS account in which agents and coordinators meet. */
export const NATS_ACCOUNT = "GPUAS";
/** The Secret with the keys of both, and the names of its files. */
export const NATS_SECRET = {
  name: "gpu-autoscaler-nats-keys",
  issuer: "issuer.seed",
  coordinator: "coordinator.seed",
  sealing: "sealing.seed",
  publicKeys: "keys.conf",
} as const;
export const FIELD_MANAGER = {
  agent: "gpu-autoscaler-agent",
  /** Owns the one condition and nothing else, so that applying it cannot take anything back that the agent wrote. */
  agentHealth: "gpu-autoscaler-agent-health",
  coordinator: "gpu-autoscaler-coordinator",
  /** Of what a person's tool applies: the definition of policies. */
  ctl: "gpuasctl",
} as const;
export const METRIC_PREFIX = "gpu_autoscaler_";
/** Names of the jobs under which Prometheus scrapes our programs: the chart's monitors and the rules have to agree. */
export const SCRAPE_JOB = {
  agent: "gpu-autoscaler-agent",
  coordinator: "gpu-autoscaler-coordinator",
} as const;
/** Prometheus' operator: the kind that holds rules. */
export const PROMETHEUS_OPERATOR = {
  apiVersion: "monitoring.coreos.com/v1",
  rule: "PrometheusRule",
} as const;

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
  otherDrainer: "OtherDrainer",
  interruptionHint: "InterruptionHint",
  interruptionCancelled: "InterruptionCancelled",
  survived: "InterruptionSurvived",
  forced: "EvictionForced",
  checkpoint: "Checkpoint",
  checkpointFailed: "CheckpointFailed",
  checkpointRefused: "CheckpointRefused",
  unknownPriority: "UnknownEvictionPriority",
  gpuFault: "GpuFault",
  gpuRecovered: "GpuRecovered",
} as const;

/** Types of the conditions in a policy's status. */
export const CONDITION = {
  valid: "Valid",
  active: "Active",
  noGroup: "NoGroup",
  overlap: "NodesOverlap",
  groupsMatch: "GroupsMatch",
  rival: "RivalAutoscaler",
  prediction: "PredictionActive",
} as const;
