// What the pods on GPU nodes do: use by namespace and workload, replicas, autoscalers, queues. It joins the agents' pages
// with kube-state-metrics, and shows whatever queue and latency metrics there are, since those are the workloads' own.

import type { Dashboard } from "./panel.ts";

const NAMESPACE = 'namespace=~"$namespace"';
/** One for each container that holds a GPU, with the GPU's value. */
const OF_HOLDERS = `gpu_autoscaler_gpu_holder{${NAMESPACE}} * on (node, uuid) group_left ()`;
/** A Deployment's name is that of its ReplicaSet without the hash behind it. */
const WORKLOAD = `label_replace(max by (namespace, pod, created_by_name) (kube_pod_info{${NAMESPACE}}), "workload", "$1", "created_by_name", "(.+?)(?:-[bcdf-hj-np-tv-xz2456789]{6,10})?")`;
const OF_WORKLOADS = `on (namespace, pod) group_left (workload) ${WORKLOAD}`;
const UTILIZATION = `max by (node, uuid) (gpu_autoscaler_gpu_utilization_ratio)`;
const AUTOSCALER = "kube_horizontalpodautoscaler";
/** Of pods that ask for a GPU or a part of one. */
const ASKS_FOR_GPU = `max by (namespace, pod) (kube_pod_container_resource_requests{${NAMESPACE}, resource=~"(nvidia|amd)_com_(gpu|mig_).*"})`;

export const WORKLOADS: Dashboard = {
  name: "workloads",
  about:
    "Pods and their GPUs, for whoever runs services or jobs. Needs the agents' pages with the family native, and kube-state-metrics.",
  variables: [
    { kind: "label", name: "namespace", of: "gpu_autoscaler_gpu_holder", label: "namespace" },
    { kind: "metric", name: "queue", pattern: "keda_scaler_metrics_value|.+_queue_(length|depth|size)" },
    { kind: "metric", name: "latency", pattern: ".*request.*_seconds_bucket" },
  ],
  sections: [
    {
      title: "Use of GPUs",
      panels: [
        {
          title: "How busy are the GPUs of each namespace?",
          look: "Mean over the GPUs that its containers hold. A shared GPU counts for each who shares it, with the use of the whole.",
          unit: "percentunit",
          answers: ["A53", "C28"],
          queries: [{ query: `avg by (namespace) (${OF_HOLDERS} ${UTILIZATION})`, legend: "{{namespace}}" }],
        },
        {
          title: "How busy are the GPUs of each service?",
          look: "The same by what made the pods: a Deployment, StatefulSet or Job. A service that is busy on all its GPUs wants replicas, one that is not wants fewer or smaller GPUs.",
          unit: "percentunit",
          answers: ["D15"],
          queries: [
            {
              query: `avg by (namespace, workload) ((${OF_HOLDERS} ${UTILIZATION}) * ${OF_WORKLOADS})`,
              legend: "{{namespace}}/{{workload}}",
            },
          ],
        },
        {
          title: "How full is the memory of the GPUs of each service?",
          look: "Used of used and free, on the fullest GPU that the service holds. Near 1 the next batch may not fit.",
          unit: "percentunit",
          answers: ["D16", "A54"],
          queries: [
            {
              query: `max by (namespace, workload) ((${OF_HOLDERS} max by (node, uuid) (gpu_autoscaler_gpu_memory_used_bytes / (gpu_autoscaler_gpu_memory_used_bytes + gpu_autoscaler_gpu_memory_free_bytes))) * ${OF_WORKLOADS})`,
              legend: "{{namespace}}/{{workload}}",
            },
          ],
        },
        {
          title: "Which pods hold a GPU and do not use it?",
          look: "The twenty with the least use in the last hour. A GPU that is held is not idle for the autoscaler: only the pod's owner can give it back.",
          unit: "percentunit",
          shown: "table",
          queries: [
            {
              query: `bottomk(20, avg by (namespace, pod) (${OF_HOLDERS} max by (node, uuid) (avg_over_time(gpu_autoscaler_gpu_utilization_ratio[1h]))))`,
              legend: "",
            },
          ],
        },
        {
          title: "How many pods run on each GPU node?",
          look: "Nodes with an agent, whatever they are called. Many pods without a GPU on a GPU node take processor and memory from those with one.",
          unit: "short",
          answers: ["A55"],
          queries: [
            {
              query: `count by (node) (max by (node, namespace, pod) (kube_pod_info) and on (node) gpu_autoscaler_node_gpu_health)`,
              legend: "{{node}}",
            },
          ],
        },
      ],
    },
    {
      title: "Replicas",
      panels: [
        {
          title: "How many pods with GPUs are there, and how many wait?",
          look: "By phase. Pending ones have no node yet, or their image is on its way.",
          unit: "short",
          answers: ["C28"],
          queries: [
            {
              query: `sum by (phase) (max by (namespace, pod, phase) (kube_pod_status_phase{${NAMESPACE}, phase=~"Pending|Running|Failed"}) * on (namespace, pod) group_left () (${ASKS_FOR_GPU} > bool 0))`,
              legend: "{{phase}}",
            },
          ],
        },
        {
          title: "How many replicas does each service have?",
          look: "Replicas that are there, and those that were asked for where they differ.",
          unit: "short",
          answers: ["D17", "D30"],
          queries: [
            {
              query: `max by (namespace, deployment) (kube_deployment_status_replicas{${NAMESPACE}})`,
              legend: "{{namespace}}/{{deployment}}",
            },
            {
              query: `max by (namespace, deployment) (kube_deployment_spec_replicas{${NAMESPACE}}) != max by (namespace, deployment) (kube_deployment_status_replicas{${NAMESPACE}})`,
              legend: "{{namespace}}/{{deployment}} asked for",
            },
          ],
        },
        {
          title: "What do the pod autoscalers want, and what do they have?",
          look: "Current and desired replicas of each HorizontalPodAutoscaler. Desired above current for minutes is a wait for nodes.",
          unit: "short",
          answers: ["D31"],
          queries: [
            {
              query: `max by (namespace, horizontalpodautoscaler) (${AUTOSCALER}_status_current_replicas{${NAMESPACE}})`,
              legend: "{{namespace}}/{{horizontalpodautoscaler}} has",
            },
            {
              query: `max by (namespace, horizontalpodautoscaler) (${AUTOSCALER}_status_desired_replicas{${NAMESPACE}})`,
              legend: "{{namespace}}/{{horizontalpodautoscaler}} wants",
            },
          ],
        },
        {
          title: "How often does a pod autoscaler change its mind?",
          look: "Changes of the wish in the last hour. Many of them, up and down, call for a stabilization window.",
          unit: "short",
          answers: ["D18", "C28"],
          queries: [
            {
              query: `max by (namespace, horizontalpodautoscaler) (changes(${AUTOSCALER}_status_desired_replicas{${NAMESPACE}}[1h]))`,
              legend: "{{namespace}}/{{horizontalpodautoscaler}}",
            },
          ],
        },
        {
          title: "Which pod autoscalers are at their limit?",
          look: "They want as many as they may have: what comes on top of that waits.",
          unit: "short",
          queries: [
            {
              query: `max by (namespace, horizontalpodautoscaler) (${AUTOSCALER}_status_desired_replicas{${NAMESPACE}} >= on (namespace, horizontalpodautoscaler) ${AUTOSCALER}_spec_max_replicas)`,
              legend: "{{namespace}}/{{horizontalpodautoscaler}}",
            },
          ],
        },
      ],
    },
    {
      title: "Queues and requests",
      panels: [
        {
          title: "How long is the queue?",
          look: "The metric chosen above as queue: what KEDA scales by, or a queue's own length. Without one the panel is empty.",
          unit: "short",
          answers: ["C28"],
          queries: [
            {
              query: `sum by (namespace) ({__name__=~"$queue", __name__!="", ${NAMESPACE}})`,
              legend: "{{namespace}}",
            },
          ],
        },
        {
          title: "How long does a request take?",
          look: "95 of 100, from the histogram chosen above as latency. A histogram of the services' own: without one the panel is empty.",
          unit: "s",
          answers: ["C28"],
          queries: [
            {
              query: `histogram_quantile(0.95, sum by (le, namespace) (rate({__name__=~"$latency", __name__!="", ${NAMESPACE}}[$__rate_interval])))`,
              legend: "{{namespace}}",
            },
          ],
        },
      ],
    },
  ],
};
