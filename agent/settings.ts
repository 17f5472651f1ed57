// The agent's settings, one row each: types, parsing, start-up errors and the reference page follow from it.

import { SUBJECT_ROOT } from "../shared/model/names.ts";
import { LOG_LEVELS } from "../shared/runtime/log.ts";
import { defineSettings } from "../shared/runtime/settings.ts";

export const AGENT_SETTINGS = defineSettings({
  nodeName: {
    env: "NODE_NAME",
    kind: "string",
    sentence: "Name of the node that this agent runs on; in a pod, from the field spec.nodeName.",
  },
  podName: {
    env: "POD_NAME",
    kind: "string",
    default: null,
    sentence: "Name of the agent's own pod, which it never evicts; with POD_NAMESPACE.",
  },
  podNamespace: {
    env: "POD_NAMESPACE",
    kind: "string",
    default: null,
    sentence: "Namespace of the agent's own pod.",
  },
  kubernetesHost: {
    env: "KUBERNETES_SERVICE_HOST",
    kind: "string",
    default: null,
    sentence: "Address of the Kubernetes API, set by Kubernetes in every pod; not used with a kubeconfig.",
  },
  kubernetesPort: {
    env: "KUBERNETES_SERVICE_PORT",
    kind: "string",
    default: null,
    sentence: "Port of the Kubernetes API, set by Kubernetes in every pod.",
  },
  kubeconfig: {
    env: "GPUAS_KUBECONFIG",
    kind: "path",
    default: null,
    sentence: "Kubeconfig to use outside a cluster; without it the pod's service account is used.",
  },
  natsServers: {
    env: "GPUAS_NATS_SERVERS",
    kind: "list",
    default: "nats://gpu-autoscaler-nats:4222",
    sentence: "NATS servers of one cluster, separated by commas.",
  },
  natsTokenFile: {
    env: "GPUAS_NATS_TOKEN_FILE",
    kind: "path",
    default: null,
    sentence: "File with the token for NATS, read again for each attempt to connect.",
  },
  natsCaFile: {
    env: "GPUAS_NATS_CA_FILE",
    kind: "path",
    default: null,
    sentence:
      "File with the authorities behind the NATS servers' certificates, as PEM; with it the connection is by TLS or not at all.",
  },
  subjectRoot: {
    env: "GPUAS_SUBJECT_ROOT",
    kind: "string",
    default: SUBJECT_ROOT,
    sentence: "First part of every NATS subject; the same in agents and coordinator.",
  },
  sampleInterval: {
    env: "GPUAS_SAMPLE_INTERVAL",
    kind: "duration",
    default: "1s",
    min: "200ms",
    max: "60s",
    sentence:
      "How often the GPUs are read. Above 4s the windows have gaps: the node is then never taken for idle, and its utilisation does not count.",
  },
  reportInterval: {
    env: "GPUAS_REPORT_INTERVAL",
    kind: "duration",
    default: "5s",
    min: "200ms",
    max: "60s",
    sentence:
      "How often a report is sent when nothing has changed. Above 15s the coordinator has no fresh one for most of the time: the node is then never taken for idle.",
  },
  slowInterval: {
    env: "GPUAS_SLOW_INTERVAL",
    kind: "duration",
    default: "10s",
    min: "1s",
    max: "10m",
    sentence: "How often the slow group of readings is read: energy, errors, links, processes.",
  },
  gpm: {
    env: "GPUAS_GPM",
    kind: "boolean",
    default: "true",
    sentence: "Whether the GPU's own counters (SM, tensor, DRAM activity) are sampled, where it has them.",
  },
  nvmlLibrary: {
    env: "GPUAS_NVML_LIBRARY",
    kind: "path",
    default: null,
    sentence: "The NVML library, or the folder that holds it; without it the usual places are searched.",
  },
  driverRoots: {
    env: "GPUAS_DRIVER_ROOTS",
    kind: "list",
    default: "/run/nvidia/driver",
    sentence: "Roots of driver installations in which the NVML library is looked for, separated by commas.",
  },
  expectedGpus: {
    env: "GPUAS_EXPECTED_GPUS",
    kind: "integer",
    default: null,
    min: "0",
    max: "64",
    sentence:
      "How many GPUs this node must have; without it the label nvidia.com/gpu.count of the node is what is expected.",
  },
  kernelLog: {
    env: "GPUAS_KERNEL_LOG",
    kind: "string",
    default: "auto",
    sentence:
      "Where XIDs are read beside the driver: a log file such as /var/log/kern.log, /dev/kmsg, none, or auto: the first of them that can be read.",
  },
  stateDir: {
    env: "GPUAS_STATE_DIR",
    kind: "path",
    default: null,
    sentence:
      "Folder in which the place in the kernel log is kept over restarts; without it a restart begins at its end.",
  },
  podResourcesSocket: {
    env: "GPUAS_POD_RESOURCES_SOCKET",
    kind: "path",
    default: "/var/lib/kubelet/pod-resources/kubelet.sock",
    sentence: "The kubelet's socket that says which pod holds which GPU.",
  },
  metricNames: {
    env: "GPUAS_METRIC_NAMES",
    kind: "list",
    default: "native,guide",
    sentence:
      "Families of GPU metrics that are served, separated by commas: native, guide, dcgm (the names of dcgm-exporter).",
  },
  dcgmCounters: {
    env: "GPUAS_DCGM_COUNTERS",
    kind: "path",
    default: null,
    sentence: "List of dcgm counters in dcgm-exporter's CSV format; without it its default list is served.",
  },
  dcgmHostnameLabel: {
    env: "GPUAS_DCGM_HOSTNAME_LABEL",
    kind: "enum",
    values: ["Hostname", "hostname"],
    default: "Hostname",
    sentence: "Spelling of the label with the node's name in the dcgm family.",
  },
  webConfig: {
    env: "GPUAS_WEB_CONFIG",
    kind: "path",
    default: null,
    sentence:
      "TLS and basic authentication of the metrics port, in the format of Prometheus' exporter-toolkit.",
  },
  metricsTokens: {
    env: "GPUAS_METRICS_TOKENS",
    kind: "boolean",
    default: "false",
    sentence:
      "Whether metrics are shown to bearers of a token of the cluster whose account may get the URL /metrics, beside the users of the web configuration, and to nobody without either; needs TLS in that file, and the right to create tokenreviews and subjectaccessreviews.",
  },
  replay: {
    env: "GPUAS_REPLAY",
    kind: "path",
    default: null,
    sentence: "A capture made by `agent record`, played instead of reading GPUs; for trials and tests.",
  },
  cloud: {
    env: "GPUAS_CLOUD",
    kind: "enum",
    values: ["auto", "aws", "gcp", "azure", "none"],
    default: "auto",
    sentence:
      "Whose metadata tells of the machine's end; auto finds out from the node, the hardware's names and the metadata services themselves.",
  },
  metadataUrl: {
    env: "GPUAS_METADATA_URL",
    kind: "string",
    default: null,
    sentence:
      "Where the cloud's metadata is served, such as http://[fd00:ec2::254] for AWS over IPv6; without it the cloud's own link-local address.",
  },
  awsMetadataV1: {
    env: "GPUAS_AWS_METADATA_V1",
    kind: "boolean",
    default: "false",
    sentence: "Whether AWS metadata is read without a token where the machine gives none (IMDSv1).",
  },
  awsNotice: {
    env: "GPUAS_AWS_NOTICE",
    kind: "duration",
    default: "120s",
    min: "5s",
    max: "10m",
    sentence: "How long a spot notice of AWS is taken to be when its time cannot be meant.",
  },
  gcpNotice: {
    env: "GPUAS_GCP_NOTICE",
    kind: "duration",
    default: null,
    min: "5s",
    max: "10m",
    sentence:
      "How long before its end Google Cloud preempts a machine, which its metadata does not say; without it 15s on GKE (the kubelet keeps the other 15s of 30 for system pods) and 30s elsewhere. Machines made with a preemption notice of 120 s need 120s here.",
  },
  azureNotice: {
    env: "GPUAS_AZURE_NOTICE",
    kind: "duration",
    default: "10s",
    min: "2s",
    max: "10m",
    sentence: "How long an event of Azure is taken to leave when it has begun, or names no time.",
  },
  azureAcknowledge: {
    env: "GPUAS_AZURE_ACKNOWLEDGE",
    kind: "boolean",
    default: "false",
    sentence: "Whether a drained node tells Azure to begin an event that is about this machine alone.",
  },
  noticeFile: {
    env: "GPUAS_NOTICE_FILE",
    kind: "path",
    default: null,
    sentence:
      "A file that tells of the machine's end by being there, on bare metal and on other clouds: empty, or JSON with deadline and kind.",
  },
  noticeUrl: {
    env: "GPUAS_NOTICE_URL",
    kind: "string",
    default: null,
    sentence: "An http address that answers like the notice file: 404 or 204 is no notice.",
  },
  genericNotice: {
    env: "GPUAS_GENERIC_NOTICE",
    kind: "duration",
    default: "30s",
    min: "2s",
    max: "1h",
    sentence: "How long a notice by file or address is when it names no time.",
  },
  maintenanceLead: {
    env: "GPUAS_MAINTENANCE_LEAD",
    kind: "duration",
    default: "120s",
    max: "1h",
    sentence:
      "How long before maintenance that ends the machine its node is drained; 0s leaves that to others. Pods with a checkpoint hook are told as soon as it is announced.",
  },
  checkpointHooks: {
    env: "GPUAS_CHECKPOINT_HOOKS",
    kind: "boolean",
    default: "true",
    sentence: "Whether pods that ask for it are told to save their state before they leave.",
  },
  checkpointExec: {
    env: "GPUAS_CHECKPOINT_EXEC",
    kind: "boolean",
    default: "false",
    sentence:
      "Whether that may be a command inside the pod, which needs the verbs get and create on pods/exec.",
  },
  checkpointLoopback: {
    env: "GPUAS_CHECKPOINT_LOOPBACK",
    kind: "boolean",
    default: "false",
    sentence:
      "Whether a pod's address may be this machine's own loopback, as where pods are simulated; for trials and tests.",
  },
  leaveLoadBalancers: {
    env: "GPUAS_LEAVE_LOAD_BALANCERS",
    kind: "boolean",
    default: "true",
    sentence: "Whether a node that is emptied is taken out of the cloud's load balancers by a label.",
  },
  drills: {
    env: "GPUAS_DRILLS",
    kind: "boolean",
    default: "true",
    sentence: "Whether the drill annotation acts on this node.",
  },
  shutdownGrace: {
    env: "GPUAS_SHUTDOWN_GRACE",
    kind: "duration",
    default: "120s",
    max: "1h",
    sentence:
      "How long a drain goes on after SIGTERM; keep the pod's terminationGracePeriodSeconds 10 s above it.",
  },
  metricsHost: {
    env: "GPUAS_METRICS_HOST",
    kind: "string",
    default: "0.0.0.0",
    sentence: "Address on which metrics and probes are served.",
  },
  metricsPort: {
    env: "GPUAS_METRICS_PORT",
    kind: "integer",
    default: "9402",
    min: "0",
    max: "65535",
    sentence: "Port on which metrics and probes are served; 0 lets the system choose.",
  },
  logLevel: {
    env: "GPUAS_LOG_LEVEL",
    kind: "enum",
    values: LOG_LEVELS,
    default: "info",
    sentence: "The least important lines that are logged.",
  },
});
