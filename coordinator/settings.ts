// Every setting of the coordinator, one row each. What policies decide (limits, windows, cooldowns) is not
// here: it lives in the AutoscalingPolicy objects.

import {
  LEASE_NAME,
  NATS_ACCOUNT,
  NATS_AUDIENCE,
  POD_LABEL,
  SERVICE_ACCOUNT,
  SUBJECT_ROOT,
} from "../shared/model/names.ts";
import { LOG_LEVELS } from "../shared/runtime/log.ts";
import { defineSettings } from "../shared/runtime/settings.ts";

export const COORDINATOR_SETTINGS = defineSettings({
  kubeconfig: {
    env: "GPUAS_KUBECONFIG",
    kind: "path",
    default: null,
    sentence: "Kubeconfig file; without it the service account of the pod is used.",
  },
  kubeContext: {
    env: "GPUAS_KUBE_CONTEXT",
    kind: "string",
    default: null,
    sentence: "Context of the kubeconfig; without it its current context.",
  },
  kubernetesHost: {
    env: "KUBERNETES_SERVICE_HOST",
    kind: "string",
    default: null,
    sentence: "Set by Kubernetes in every pod: host of the API server.",
  },
  kubernetesPort: {
    env: "KUBERNETES_SERVICE_PORT",
    kind: "integer",
    default: "443",
    min: "1",
    max: "65535",
    sentence: "Set by Kubernetes in every pod: port of the API server.",
  },
  identity: {
    env: "POD_NAME",
    kind: "string",
    default: null,
    sentence: "Name of this replica in the lease; without it host name and process id.",
  },
  namespace: {
    env: "POD_NAMESPACE",
    kind: "string",
    default: null,
    sentence: "Namespace of the lease; without it that of the kubeconfig or service account.",
  },
  leaseName: {
    env: "GPUAS_LEASE_NAME",
    kind: "string",
    default: LEASE_NAME,
    sentence: "Name of the lease that elects the leader.",
  },
  leaseDuration: {
    env: "GPUAS_LEASE_DURATION",
    kind: "duration",
    default: "10s",
    min: "1s",
    sentence: "How long a leader that has gone silent is still taken for alive.",
  },
  leaseRenew: {
    env: "GPUAS_LEASE_RENEW",
    kind: "duration",
    default: "7s",
    min: "500ms",
    sentence: "A leader that could not renew for so long stops acting; shorter than the lease.",
  },
  leaseRetry: {
    env: "GPUAS_LEASE_RETRY",
    kind: "duration",
    default: "1500ms",
    min: "100ms",
    sentence: "Pause between two attempts to renew the lease; a replica that waits looks twice as often.",
  },
  natsServers: {
    env: "GPUAS_NATS_SERVERS",
    kind: "list",
    default: "nats://127.0.0.1:4222",
    sentence: "NATS servers, separated by commas.",
  },
  natsTokenFile: {
    env: "GPUAS_NATS_TOKEN_FILE",
    kind: "path",
    default: null,
    sentence: "File with the token for NATS, read again for each connection; without it none is sent.",
  },
  natsNkeyFile: {
    env: "GPUAS_NATS_NKEY_FILE",
    kind: "path",
    default: null,
    sentence:
      "File with the seed of the user nkey by which NATS knows the coordinator, read again for each connection; instead of a token.",
  },
  natsCaFile: {
    env: "GPUAS_NATS_CA_FILE",
    kind: "path",
    default: null,
    sentence:
      "File with the authorities behind the NATS servers' certificates, as PEM; with it the connection is by TLS or not at all.",
  },
  natsReplicas: {
    env: "GPUAS_NATS_REPLICAS",
    kind: "integer",
    default: "1",
    min: "1",
    max: "5",
    sentence:
      "On how many NATS servers the stream and the bucket are kept; not more than there are. A bucket that is there already stays as it is.",
  },
  natsCallout: {
    env: "GPUAS_NATS_CALLOUT",
    kind: "boolean",
    default: "false",
    sentence:
      "Whether NATS asks this program who may connect: agents by their own service-account tokens, each for its node alone.",
  },
  natsIssuerFile: {
    env: "GPUAS_NATS_ISSUER_FILE",
    kind: "path",
    default: null,
    sentence:
      "File with the seed of the account nkey that signs those answers; NATS is configured with its public half.",
  },
  natsXkeyFile: {
    env: "GPUAS_NATS_XKEY_FILE",
    kind: "path",
    default: null,
    sentence:
      "File with the seed of the curve nkey for which NATS seals its questions, tokens included; without it they come open.",
  },
  natsAudience: {
    env: "GPUAS_NATS_AUDIENCE",
    kind: "string",
    default: NATS_AUDIENCE,
    sentence: "Audience that an agent's token for NATS must have.",
  },
  natsAccount: {
    env: "GPUAS_NATS_ACCOUNT",
    kind: "string",
    default: NATS_ACCOUNT,
    sentence: "NATS account in which agents are let in: the one of the coordinator's own user.",
  },
  agentServiceAccount: {
    env: "GPUAS_AGENT_SERVICE_ACCOUNT",
    kind: "string",
    default: `${SERVICE_ACCOUNT.namespace}/${SERVICE_ACCOUNT.agent}`,
    sentence: "Service account of the agents, as namespace/name; no other one's token is accepted for NATS.",
  },
  subjectRoot: {
    env: "GPUAS_SUBJECT_ROOT",
    kind: "string",
    default: SUBJECT_ROOT,
    sentence: "First part of every NATS subject; the agents' must be the same.",
  },
  memoryWait: {
    env: "GPUAS_MEMORY_WAIT",
    kind: "duration",
    default: "2s",
    max: "30s",
    sentence: "How long a new leader waits for the idle timers in NATS before it starts without them.",
  },
  cycleInterval: {
    env: "GPUAS_CYCLE_INTERVAL",
    kind: "duration",
    default: "10s",
    min: "100ms",
    max: "60s",
    sentence: "Longest pause between two cycles when nothing happens.",
  },
  batchWindow: {
    env: "GPUAS_BATCH_WINDOW",
    kind: "duration",
    default: "200ms",
    max: "10s",
    sentence:
      "How long news is gathered before a cycle, counted from the first; interruption notices do not wait.",
  },
  callDeadline: {
    env: "GPUAS_CALL_DEADLINE",
    kind: "duration",
    default: "5s",
    min: "500ms",
    max: "60s",
    sentence:
      "Longest wait for one answer of the API server or a cloud when acting; never longer than what is left of the lease.",
  },
  drainTimeout: {
    env: "GPUAS_DRAIN_TIMEOUT",
    kind: "duration",
    default: "15m",
    min: "1s",
    sentence: "How long an agent may take to empty a node that is to go; after that the node stays.",
  },
  nodePools: {
    env: "GPUAS_NODE_POOLS",
    kind: "boolean",
    default: "true",
    sentence:
      "Whether Karpenter's NodePools are looked through for limits of ours that no policy asks for any more; false where the coordinator may not read them.",
  },
  costLabels: {
    env: "GPUAS_COST_LABELS",
    kind: "list",
    default: POD_LABEL.workloadType,
    sentence: "Labels of pods by which money is told, beside namespace, separated by commas.",
  },
  recordDir: {
    env: "GPUAS_RECORD_DIR",
    kind: "path",
    default: null,
    sentence:
      "Folder to which the leader records what each decision was made from and what it was, for gpuasctl replay; without it nothing is recorded.",
  },
  recordBytes: {
    env: "GPUAS_RECORD_BYTES",
    kind: "size",
    default: "2GiB",
    min: "8MiB",
    sentence: "Most that the recording takes in its folder; the oldest files go for new ones.",
  },
  recordAge: {
    env: "GPUAS_RECORD_AGE",
    kind: "duration",
    default: "840h",
    min: "1h",
    sentence: "Age at which a file of the recording goes, by its last decision.",
  },
  recordAnonymised: {
    env: "GPUAS_RECORD_ANONYMISED",
    kind: "boolean",
    default: "false",
    sentence:
      "Whether names of nodes, pods, namespaces, jobs and labels are recorded as stand-ins, by which the decisions are the same.",
  },
  forecastHistory: {
    env: "GPUAS_FORECAST_HISTORY",
    kind: "path",
    default: null,
    sentence:
      "CSV file with the demand of the past (policy, gpu_type, at, gpus), for forecasts that have none of their own; gpuasctl forecast --history checks it.",
  },
  metricsHost: {
    env: "GPUAS_METRICS_HOST",
    kind: "string",
    default: "0.0.0.0",
    sentence: "Address of the metrics and health page.",
  },
  metricsPort: {
    env: "GPUAS_METRICS_PORT",
    kind: "integer",
    default: "9403",
    min: "0",
    max: "65535",
    sentence: "Port of the metrics and health page; 0 lets the system choose.",
  },
  logLevel: {
    env: "GPUAS_LOG_LEVEL",
    kind: "enum",
    values: LOG_LEVELS,
    default: "info",
    sentence: "Least severe lines that are logged.",
  },
});
