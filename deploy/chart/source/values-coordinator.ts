// Values of the coordinators. What policies decide is no setting, and what the chart itself decides is none here.

import { COORDINATOR_SETTINGS } from "../../../coordinator/settings.ts";
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
} from "./value.ts";
import type { Group } from "./value.ts";

/** Settings that the chart sets itself, and from what. */
export const COORDINATOR_SETTINGS_OF_THE_CHART = {
  kubeconfig: "never: the coordinator has its service account",
  kubeContext: "never, likewise",
  kubernetesHost: "Kubernetes",
  kubernetesPort: "Kubernetes",
  identity: "the pod",
  namespace: "the pod",
  natsServers: "`nats`",
  natsTokenFile: "`nats.auth`",
  natsNkeyFile: "`nats.auth`",
  natsCaFile: "`nats.tls`",
  natsReplicas: "`nats.replicas`",
  natsCallout: "`nats.auth`",
  natsIssuerFile: "`nats.auth`",
  natsXkeyFile: "`nats.auth`",
  natsAudience: "`nats.auth.audience`",
  natsAccount: "`nats.auth.account`",
  agentServiceAccount: "the agents' service account",
  subjectRoot: "`nats.subjectRoot`",
  nodePools: "`coordinator.rights.karpenter`, or a NodePool in a policy among the values",
  recordDir: "`coordinator.recording.volume`",
  forecastHistory: "`coordinator.forecastHistory`",
  metricsPort: "`coordinator.port`",
} as const satisfies Partial<Record<keyof typeof COORDINATOR_SETTINGS, string>>;

export const COORDINATOR_VALUES: Group = group("The coordinators: one leads, the others wait.", {
  image: text("", "The whole name of the image, with tag or digest; empty: from `image`."),
  replicas: leaf({ type: "integer", minimum: 1, maximum: 5 }, 2, "How many there are."),
  port: port(9403, "Port of metrics, probes and pages."),
  settings: settingsGroup(
    COORDINATOR_SETTINGS,
    Object.keys(COORDINATOR_SETTINGS_OF_THE_CHART),
    "Settings of the coordinator by their names. A change replaces one replica after the other.",
  ),
  recording: group(
    "What each decision was made from and what it was, for gpuasctl replay. `settings` bounds its size and age, and has names replaced.",
    {
      volume: objectOfKubernetes(
        {},
        "Where it is kept: a volume of Kubernetes without its name, such as `{persistentVolumeClaim: {claimName: recordings}}` or `{emptyDir: {sizeLimit: 3Gi}}`, which goes with the pod. Of several replicas only the one that leads writes; a claim has to be one that all may mount. Empty: nothing is recorded.",
      ),
    },
  ),
  forecastHistory: group(
    "The demand of the past, for forecasts that have none of their own: deploy/docs/forecast.md has the columns, and `gpuasctl forecast --history FILE` checks them.",
    {
      configMap: text("", "Name of a ConfigMap in the release's namespace; empty: there is none."),
      key: text("past.csv", "Its key with the CSV file."),
    },
  ),
  rights: group(
    "Rights beside those that each coordinator has. Groups that `policies` and `autoscaling` name bring theirs by themselves; set these for policies that are applied by other means.",
    {
      clusterApi: flag(false, "Machines, MachineDeployments and MachinePools of Cluster API."),
      karpenter: flag(false, "NodePools and NodeClaims of Karpenter."),
      gangs: flag(
        true,
        "list and watch on PodGroups and JobSets, to know how many pods have to run together.",
      ),
      scaleTargets: leaf(
        {
          type: "array",
          items: {
            type: "object",
            additionalProperties: false,
            required: ["group", "resource"],
            properties: { group: { type: "string" }, resource: { type: "string", pattern: "^[a-z]+$" } },
          },
        },
        [],
        "Other objects with a scale that policies name: `{group: example.com, resource: machinesets}` each.",
      ),
    },
  ),
  resources: objectOfKubernetes(
    { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "768Mi" } },
    "The heap is bounded at 512 MiB in the image.",
  ),
  priorityClassName: text(
    "system-cluster-critical",
    "So that pods that wait for nodes do not push the coordinator away.",
  ),
  awayFromPools: flag(true, "Never on a node of a pool that is managed: it would remove its own node."),
  nodeSelector: textMap("Labels of the nodes that it may run on."),
  tolerations: listOfKubernetes([], "Taints that it bears."),
  topologySpread: listOfKubernetes(
    [],
    "Instead of the chart's own, which is zones and hosts, as far as they go.",
  ),
  podAnnotations: textMap("More annotations of the pods."),
  podLabels: textMap("More labels of the pods."),
  serviceAccountAnnotations: textMap("Annotations of the service account, beside those of `cloud`."),
});
