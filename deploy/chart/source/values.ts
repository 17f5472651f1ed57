// Every value of the chart, in the order in which values.yaml has them. What a value does in a manifest stands in
// templates/; what two of them together must not say stands in templates/_refuse.tpl.

import { flag, group, leaf, listOfKubernetes, objectOfKubernetes, text, textMap, texts } from "./value.ts";
import type { Group } from "./value.ts";
import { AGENT_VALUES } from "./values-agent.ts";
import { COORDINATOR_VALUES } from "./values-coordinator.ts";
import { NATS_VALUES } from "./values-nats.ts";
import { AUTOSCALING_VALUES, POLICIES } from "./values-policies.ts";

export const VALUES: Group = group("", {
  image: group(
    "Where the images are. NAME/agent and NAME/coordinator are pulled, unless a program names its own.",
    {
      repository: leaf(
        { type: "string", minLength: 1, pattern: "^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$" },
        undefined,
        "Registry and path before `/agent` and `/coordinator`. There is no default: the images are the ones that you built and pushed.",
        { required: true, unset: "required" },
      ),
      tag: text("", "Tag of both images; empty: the chart's appVersion."),
      pullPolicy: leaf(
        { type: "string", enum: ["Always", "IfNotPresent", "Never"] },
        "IfNotPresent",
        "When they are pulled.",
      ),
      pullSecrets: texts([], "Names of secrets with the registry's password, in the release's namespace."),
    },
  ),
  agent: AGENT_VALUES,
  coordinator: COORDINATOR_VALUES,
  nats: NATS_VALUES,
  cloud: group(
    "By whose identity the coordinator speaks to a cloud: at most one of them. Without any, the pod's own way holds (Pod Identity, the machine's role). deploy/clouds has the rights.",
    {
      aws: group("", {
        roleArn: leaf(
          { type: "string", pattern: "^(arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)?$" },
          "",
          "Role of IAM for the coordinator's service account (IRSA).",
        ),
      }),
      gcp: group("", {
        serviceAccount: leaf(
          { type: "string", pattern: "^([^@]+@[^@]+[.]iam[.]gserviceaccount[.]com)?$" },
          "",
          "Google service account that the coordinator's may act as (Workload Identity).",
        ),
      }),
      azure: group("", {
        clientId: text("", "Client id of the managed identity of the coordinator (Workload Identity)."),
        tenantId: text("", "Its tenant, where it is not the cluster's own."),
      }),
    },
  ),
  policies: POLICIES,
  autoscaling: AUTOSCALING_VALUES,
  admission: group(
    "Rules by which the API server confines agents, and marks of drains to whom they belong. deploy/admission says what each holds.",
    {
      agents: flag(true, "An agent changes its own node only, and there only what a drain takes."),
      evictions: flag(
        true,
        "An agent evicts pods of its own node only. Its cost grows with the pods of a namespace: look at it above some 500.",
      ),
      marks: flag(true, "Who may write the marks of drains and drills; with the role that grants drills."),
    },
  ),
  networkPolicy: group(
    "Who may reach coordinator and NATS. It takes a network plugin that enforces policies.",
    {
      enabled: flag(true, "Whether there are any."),
      nodeCidrs: texts(
        [],
        "Addresses of the nodes. Agents have their node's address, so NATS is open to these; empty: to whoever reaches the cluster's network.",
      ),
      metricsFrom: listOfKubernetes(
        [],
        "Peers (namespaceSelector, podSelector, ipBlock) that may read the coordinator's pages; empty: everybody. The API server's addresses belong to them where gpuasctl asks through it.",
      ),
      limitEgress: flag(
        false,
        "Whether the coordinator reaches no more than DNS, NATS, port 443 and 6443, and the link-local addresses of its cloud's credentials.",
      ),
    },
  ),
  monitoring: group("How Prometheus finds the metrics; without any of these it does not.", {
    annotations: flag(false, "prometheus.io annotations on the pods, for a plain scrape configuration."),
    podMonitor: flag(false, "A PodMonitor for the agents (Prometheus operator)."),
    serviceMonitor: flag(false, "A ServiceMonitor for the coordinator (Prometheus operator)."),
    prometheusRule: flag(false, "The alerts of deploy/alerts as a PrometheusRule (Prometheus operator)."),
    dashboards: flag(false, "The dashboards of deploy/dashboards, each as a ConfigMap."),
    dashboardLabels: leaf(
      { type: "object", additionalProperties: { type: "string" } },
      { grafana_dashboard: "1" },
      "Labels by which Grafana's sidecar finds them.",
    ),
    interval: leaf({ type: "string", pattern: "^[0-9]+(s|m)$" }, "15s", "How often they scrape."),
    labels: textMap("Labels of monitors and rules, by which a Prometheus chooses them."),
    agentEndpoint: objectOfKubernetes(
      {},
      "More of the agents' endpoint: tlsConfig, and basicAuth or authorization, where agent.webConfig is set. The scheme follows agent.webConfig.tls.",
    ),
    scrapers: leaf(
      {
        type: "array",
        items: {
          type: "object",
          additionalProperties: false,
          required: ["namespace", "serviceAccount"],
          properties: {
            namespace: { type: "string", minLength: 1 },
            serviceAccount: { type: "string", minLength: 1 },
          },
        },
      },
      [],
      "With agent.webConfig.tokens: service accounts that get the role to read metrics, such as {namespace: monitoring, serviceAccount: prometheus-k8s}.",
    ),
  }),
  priorityClassQuota: group(
    "Some clouds (GKE) let pods of the system's priority classes run outside of kube-system only under a quota for them.",
    {
      enabled: flag(false, "Whether the release brings one for its namespace."),
      pods: leaf({ type: "integer", minimum: 1 }, 10_000, "How many such pods there may be."),
    },
  ),
});
