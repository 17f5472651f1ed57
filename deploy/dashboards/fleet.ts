// The first dashboard to open: whether there are the nodes that there should be, who waits, how busy the GPUs are, what
// was done about it, and whether the autoscaler itself is well.

import { counted, leading, quantile } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

export const FLEET: Dashboard = {
  name: "fleet",
  about:
    "The whole fleet, for whoever is asked whether all is well. Needs the coordinator's page, and the agents' pages for what is said of GPUs.",
  variables: [],
  sections: [
    {
      title: "Nodes and who waits for them",
      panels: [
        {
          title: "Are there as many nodes as were asked for?",
          look: "Ready nodes fall behind the asked ones while machines boot. A gap that stays with nothing on its way is a machine that never came: see the pools.",
          unit: "short",
          answers: ["B103"],
          queries: [
            { query: `sum(${leading("gpu_autoscaler_node_count")})`, legend: "ready" },
            { query: `sum(${leading("gpu_autoscaler_desired_node_count")})`, legend: "asked for" },
            { query: `sum(${leading("gpu_autoscaler_inflight_nodes")})`, legend: "on their way" },
          ],
        },
        {
          title: "Do pods wait for a GPU node?",
          look: "Pods that count as demand and have no node. More than zero for longer than a machine takes to boot needs a reason: gpuasctl explain pod NAMESPACE/NAME. Left out: more than one decision could look at, they come first in the next.",
          unit: "short",
          answers: ["A68", "C28"],
          queries: [
            { query: `max(${leading("gpu_autoscaler_pending_pods")})`, legend: "waiting" },
            {
              query: `max(${leading("gpu_autoscaler_packing_pods_left_out")})`,
              legend: "left for the next decision",
            },
          ],
        },
        {
          title: "Of which capacity are the nodes?",
          look: "Ready nodes by how they are paid. Compare with the shares of the policy, which count GPUs and not nodes.",
          unit: "short",
          queries: [
            {
              query: `sum by (capacity_type) (${leading("gpu_autoscaler_node_count")})`,
              legend: "{{capacity_type}}",
            },
          ],
        },
        {
          title: "Of how many nodes is nothing known, and how many are hardly used?",
          look: "A node whose telemetry is missing or old is never removed for being idle: each such node may cost money for nothing. Underused ones should go within the idle window, or have a reason to stay: gpuasctl explain node NAME.",
          unit: "short",
          queries: [
            { query: `max(${leading("gpu_autoscaler_nodes_unknown")})`, legend: "nothing known" },
            {
              query: `max(${leading("gpu_autoscaler_underutilized_nodes")})`,
              legend: "below scaleDownThreshold",
            },
          ],
        },
      ],
    },
    {
      title: "GPUs",
      panels: [
        {
          title: "How busy are the GPUs?",
          look: "All: mean over every GPU that reports, as decisions see it. Held: mean over GPUs that a container holds, from the agents. Held and idle is waste inside pods, which no node that leaves can help.",
          unit: "percentunit",
          answers: ["B104", "C28"],
          queries: [
            { query: `max(${leading("gpu_autoscaler_cluster_utilization")})`, legend: "all" },
            {
              query: `sum(gpu_autoscaler_node_gpu_utilization_ratio{of="allocated"} * gpu_autoscaler_node_gpus{of="allocated"}) / sum(gpu_autoscaler_node_gpus{of="allocated"} and gpu_autoscaler_node_gpu_utilization_ratio{of="allocated"})`,
              legend: "held by a container",
            },
          ],
        },
        {
          title: "How many GPUs are there, and how many are held?",
          look: "Healthy GPUs that nobody holds are what the next pods can have without a new node, and what idle nodes are made of.",
          unit: "short",
          queries: [{ query: `sum by (of) (gpu_autoscaler_node_gpus)`, legend: "{{of}}" }],
        },
        {
          title: "Are nodes ill?",
          look: "What the verdicts make of each node. Fatal: new pods fail there; unknown: the driver does not answer.",
          unit: "short",
          queries: [{ query: `sum by (state) (gpu_autoscaler_node_gpu_health)`, legend: "{{state}}" }],
        },
      ],
    },
    {
      title: "What was done",
      panels: [
        {
          title: "What was scaled, and did it work?",
          look: "Moves that ended. Failed ones in a row have their reason in the policy's status and under what cannot be had.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          answers: ["B107", "C49"],
          queries: [
            {
              query: `sum by (action, capacity_type) (${counted('gpu_autoscaler_scaling_actions_total{success="true"}', "$__interval")})`,
              legend: "{{action}} {{capacity_type}}",
            },
            {
              query: `sum by (action, capacity_type) (${counted('gpu_autoscaler_scaling_actions_total{success="false"}', "$__interval")})`,
              legend: "{{action}} {{capacity_type}} failed",
            },
          ],
        },
        {
          title: "Did a forecast, a schedule or headroom ask for nodes?",
          look: "Nodes that were asked for before any pod waited, by who asked. A forecast without a line asked for nothing; what it expects is not shown here.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          answers: ["B108"],
          queries: [
            {
              query: `sum by (reason) (${counted('gpu_autoscaler_decision_total{action="grow", reason=~"forecast|schedule|headroom"}', "$__interval")})`,
              legend: "{{reason}}",
            },
          ],
        },
        {
          title: "What cannot be had at the moment?",
          look: "Offerings that failed to launch and rest. No-capacity passes by itself; quota, denied and misconfigured wait for a person.",
          unit: "short",
          queries: [
            {
              query: `sum by (policy, kind) (${leading("gpu_autoscaler_offerings_paused")})`,
              legend: "{{policy}}: {{kind}}",
            },
          ],
        },
      ],
    },
    {
      title: "The autoscaler itself",
      panels: [
        {
          title: "Does exactly one coordinator lead, and does it cycle?",
          look: "One leader, and a last cycle that is never older than some 10 seconds. No leader: nothing is scaled, agents go on with notices alone.",
          unit: "none",
          shown: "numbers",
          queries: [
            { query: `sum(gpu_autoscaler_leader)`, legend: "leaders" },
            {
              query: `time() - max(${leading("gpu_autoscaler_last_reconcile_timestamp")})`,
              legend: "seconds since the last cycle",
            },
            { query: `min(gpu_autoscaler_nats_connected)`, legend: "every replica has NATS" },
          ],
        },
        {
          title: "How long does a cycle take, and how many fail?",
          look: "A cycle with moves waits for providers. Failed ones are logged with the stage that failed.",
          unit: "s",
          queries: [
            {
              query: quantile(0.5, "gpu_autoscaler_reconcile_duration_seconds", "$__rate_interval"),
              legend: "half of them",
            },
            {
              query: quantile(0.99, "gpu_autoscaler_reconcile_duration_seconds", "$__rate_interval"),
              legend: "99 of 100",
            },
          ],
        },
        {
          title: "What does the coordinator have trouble with?",
          look: "Failed cycles, broken watches, objects with a part that cannot be read, and messages and logins that were refused. A message of the wrong sender is somebody who speaks for a node that is not his.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum(increase(gpu_autoscaler_reconcile_errors_total[$__rate_interval]))`,
              legend: "failed cycles",
            },
            {
              query: `sum by (kind) (${counted("gpu_autoscaler_watch_errors_total", "$__interval")})`,
              legend: "watch: {{kind}}",
            },
            {
              query: `sum by (kind) (${counted("gpu_autoscaler_objects_unreadable_total", "$__interval")})`,
              legend: "unreadable {{kind}}",
            },
            {
              query: `sum by (kind, reason) (${counted("gpu_autoscaler_messages_refused_total", "$__interval")})`,
              legend: "refused {{kind}}: {{reason}}",
            },
            {
              query: `sum by (result) (${counted('gpu_autoscaler_nats_logins_total{result!="accepted"}', "$__interval")})`,
              legend: "refused login: {{result}}",
            },
          ],
        },
      ],
    },
  ],
};
