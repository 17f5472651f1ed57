// Values of the agents. What the chart itself decides (who the node is, where NATS is, which port) is no setting here.

import { AGENT_SETTINGS } from "../../../agent/settings.ts";
import {
  flag,
  group,
  leaf,
  listOfKubernetes,
  objectOfKubernetes,
  port,
  settingsGroup,
  text,
  textMap,
  texts,
} from "./value.ts";
import type { Group } from "./value.ts";

/** Settings that the chart sets itself, and from what. */
export const AGENT_SETTINGS_OF_THE_CHART = {
  nodeName: "the pod's node",
  podName: "the pod",
  podNamespace: "the pod",
  kubernetesHost: "Kubernetes",
  kubernetesPort: "Kubernetes",
  kubeconfig: "never: the agent has its service account",
  natsServers: "`nats`",
  natsTokenFile: "`nats.auth`",
  natsCaFile: "`nats.tls`",
  subjectRoot: "`nats.subjectRoot`",
  driverRoots: "`agent.driverRoots`",
  podResourcesSocket: "`agent.podResourcesFolder`",
  stateDir: "`agent.stateFolder`",
  dcgmCounters: "`agent.dcgmCounters`",
  webConfig: "`agent.webConfig`",
  metricsTokens: "`agent.webConfig.tokens`",
  metricsPort: "`agent.port`",
} as const satisfies Partial<Record<keyof typeof AGENT_SETTINGS, string>>;

export const AGENT_VALUES: Group = group("The agents: one on each node with GPUs.", {
  image: text("", "The whole name of the image, with tag or digest; empty: from `image`."),
  port: port(9402, "Port of metrics and probes. It is the node's own, so nobody else may have it."),
  settings: settingsGroup(
    AGENT_SETTINGS,
    Object.keys(AGENT_SETTINGS_OF_THE_CHART),
    "Settings of the agent by their names. A change rolls over the nodes, a tenth of them at a time.",
  ),
  gpuAccess: leaf(
    { type: "string", enum: ["runtime", "privileged"] },
    "runtime",
    "runtime: NVIDIA's container runtime brings library and device files. privileged: for nodes without it (GKE); the one case in which the agent has privileges.",
  ),
  runtimeClassName: text(
    "",
    "RuntimeClass of NVIDIA's runtime, where it is not the node's default (nvidia).",
  ),
  driverRoots: texts(
    ["/run/nvidia/driver"],
    "Folders of the node in which a driver may be installed, mounted read-only; a driver that comes later is seen.",
  ),
  podResourcesFolder: text(
    "/var/lib/kubelet/pod-resources",
    "Folder of the node with the kubelet's socket `kubelet.sock`, mounted read-only; another one where the kubelet has another root.",
  ),
  kernelLogFolder: text(
    "/var/log",
    "Folder of the node with the kernel's log, mounted read-only; empty: XIDs from the driver alone.",
  ),
  kernelLogGroups: leaf(
    { type: "array", items: { type: "integer", minimum: 0 } },
    [4],
    "Groups that may read that log; 4 is adm on Debian and Ubuntu. User 0 without capabilities reads only what is its own.",
  ),
  stateFolder: text(
    "/var/lib/gpu-autoscaler",
    "Folder of the node that keeps a few KiB over restarts; empty: they are forgotten.",
  ),
  hostPID: flag(false, "Whether the agent sees the node's processes, to tell which of them hold GPUs."),
  webConfig: group(
    "TLS and basic authentication of the metrics, in the format of Prometheus' exporter-toolkit.",
    {
      secretName: text("", "Secret with `web-config.yml` and the files that it names; empty: neither."),
      tls: flag(false, "Whether that file has a certificate, so that probes speak https."),
      tokens: flag(
        false,
        "Whether metrics are shown to bearers of a token whose account may get the URL /metrics (TokenReview, SubjectAccessReview), beside the users of that file. Needs tls.",
      ),
    },
  ),
  dcgmCounters: text("", "List of counters in dcgm-exporter's CSV format; empty: its default list."),
  rights: group("Rights that the agent can do without.", {
    disruptionTarget: flag(
      true,
      "patch on pods/status: pods that go past their budgets get the condition DisruptionTarget first.",
    ),
    terminationDeadline: flag(
      true,
      "patch on pods: pods with a hook get an annotation that says when their node goes.",
    ),
    resourceSlices: flag(
      true,
      "list on resourceslices, where GPUs are held by claims of NVIDIA's DRA driver.",
    ),
  }),
  resources: objectOfKubernetes(
    { requests: { cpu: "20m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    "Without a limit of processor time: it would slow a drain.",
  ),
  priorityClassName: text("system-node-critical", "So that nothing takes the agent's place on its node."),
  maxUnavailable: leaf(
    { type: ["string", "integer"], pattern: "^[0-9]+%$", minimum: 1 },
    "10%",
    "Agents that a rollout may replace at one time.",
  ),
  tolerations: listOfKubernetes(
    [{ operator: "Exists" }],
    "Which taints the agent bears: all, since a drain has to be seen.",
  ),
  nodeAffinity: objectOfKubernetes(
    {},
    "Instead of the chart's own, which is any label by which GPU nodes are known, the instance types of the catalogue, and nodes of our pools.",
  ),
  podAnnotations: textMap("More annotations of the pods."),
  podLabels: textMap("More labels of the pods."),
  serviceAccountAnnotations: textMap("Annotations of the service account."),
  extraVolumes: listOfKubernetes([], "More volumes, such as the folder of a notice file."),
  extraVolumeMounts: listOfKubernetes([], "Where they are mounted."),
});
