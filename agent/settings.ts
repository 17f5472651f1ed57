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
    sentence: "How often the GPUs are read.",
  },
  reportInterval: {
    env: "GPUAS_REPORT_INTERVAL",
    kind: "duration",
    default: "5s",
    min: "200ms",
    max: "60s",
    sentence: "How often a report is sent when nothing has changed.",
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
