// Alerts about agents, notices, drains and drills. A node that is drained leaves, and its series with it: what happened on
// it is looked up over the last half hour, also where its counter was born with its first event.

import { NODE_ANNOTATION, SCRAPE_JOB } from "../../shared/model/names.ts";
import { grew, leading, ofJob } from "../promql/words.ts";
import { NODE_OR_TARGET } from "./alert.ts";
import type { AlertGroup } from "./alert.ts";

const RATE = "gpu_autoscaler_spot_interruptions_per_node_day";
const SEEN = "gpu_autoscaler_spot_node_days_seen";
const STOCK = "cloud, region, zone, instance_type";

export const NODE_ALERTS: AlertGroup = {
  name: "gpu-autoscaler-nodes",
  title: "Agents, notices and drills",
  alerts: [
    {
      name: "GpuAutoscalerAgentSilent",
      query: `max by (node, instance) (up{${ofJob(SCRAPE_JOB.agent)}} == 0) == 0`,
      for: "5m",
      severity: "warning",
      summary: `The agent of ${NODE_OR_TARGET} does not answer`,
      means:
        "Its pod is there and its page is not. Whether it hears notices and would drain in time is not known. A node that has left has no target any more and does not count.",
      todo: [
        "kubectl logs and describe of the agent's pod on that node.",
        "The pod is well: Prometheus cannot reach port 9402 of the node (firewall, TLS, password).",
        "The node is NotReady: it is the machine; the coordinator replaces it where the policy says so.",
      ],
    },
    {
      name: "GpuAutoscalerAgentCannotRead",
      query: `max by (node, instance, state) (gpu_autoscaler_agent_gpu_source{state!="ready"}) == 1`,
      for: "10m",
      severity: "warning",
      summary: `The agent of ${NODE_OR_TARGET} cannot read GPUs: {{ $labels.state }}`,
      means:
        "The source of readings is not ready, so nothing is known of the node's GPUs and it never counts as idle.",
      todo: [
        "agent inspect in the agent's pod says where it looked and what it found.",
        "library-missing, driver-not-loaded: the driver is not there (yet), or not mounted into the pod.",
        "hung: a driver call does not return; the node is to be rebooted. no-device: no GPU is there, so the agent need not be.",
      ],
    },
    {
      name: "GpuAutoscalerNoticesUnheard",
      query: `min by (node, instance, source) (gpu_autoscaler_metadata_up) == 0`,
      for: "5m",
      severity: "critical",
      summary: `The agent of ${NODE_OR_TARGET} cannot hear the notices of {{ $labels.source }}`,
      means:
        "The metadata service that tells of the machine's end does not answer. A spot machine would be taken without a drain: pods lose what they have not saved.",
      todo: [
        "One node: the machine's network. Its agent's log names the answer or the error.",
        "Many nodes: the agent needs the host's network, and AWS a hop limit or a token that reaches it; a NetworkPolicy or firewall may block 169.254.169.254.",
      ],
    },
    {
      name: "GpuAutoscalerDrainMissedDeadline",
      query: `max by (node, instance, cause) (${grew("gpu_autoscaler_drains_unfinished_total", "30m")}) > 0`,
      for: "0s",
      severity: "warning",
      summary: `A drain of ${NODE_OR_TARGET} missed its deadline (cause: {{ $labels.cause }})`,
      means:
        "The deadline came before the last pod had left. After a notice that pod was cut off with its machine; after a request the node is given back.",
      todo: [
        "The dashboard of interruptions shows the class of the pods that remained; Events on the node name them.",
        "Grace periods that are longer than the notice: shorten them, or save earlier (checkpoint hooks).",
        "A PodDisruptionBudget that never gives way: on a real notice it is overridden at the end, in a drill and a request never.",
      ],
    },
    {
      name: "GpuAutoscalerInterruptionsOften",
      query: `max by (${STOCK}) (${leading(RATE)} > 1 and ${leading(SEEN)} > 3)`,
      for: "30m",
      severity: "warning",
      summary:
        'A spot node of {{ $labels.instance_type }} {{ $labels.zone }} is interrupted {{ $value | printf "%.1f" }} times a day',
      means:
        "Measured over the last weeks, on more than three days of nodes. Work that takes longer than the time between two interruptions never ends unless it is saved.",
      todo: [
        "Allow other types and zones, or lower spotInstancePercentage.",
        "spot.maxInterruptionsPerNodeDay lets the autoscaler leave such offerings by itself.",
      ],
      answers: ["B129"],
    },
    {
      name: "GpuAutoscalerSeveralDrills",
      query: `count(max by (node, instance) (${grew('gpu_autoscaler_spot_notice_total{source="drill"}', "15m")})) > 1`,
      for: "0s",
      severity: "warning",
      summary: "Nodes that began a drill within 15 minutes: {{ $value }}",
      means:
        "A drill really empties its node. Agents refuse more than one at a time, or more than a tenth of the pool: several one after the other are a script or a mistake.",
      todo: [
        `Who wrote the annotation ${NODE_ANNOTATION.interruptionWarning}? The API server's audit log has the user.`,
        "To end a drill, take the annotation away; drills: Disabled in the policy allows no new one.",
      ],
    },
    {
      name: "GpuAutoscalerDrillRefused",
      query: `max(${leading("gpu_autoscaler_drills_refused")}) > 0`,
      for: "1m",
      severity: "info",
      summary: "Nodes that refuse the drill that somebody asked them for: {{ $value }}",
      means:
        "Another one runs, it would be over a tenth of the pool, or the policy has drills: Disabled. Nothing happens on these nodes.",
      todo: [
        `The node's annotation ${NODE_ANNOTATION.drainState} says which of the three it is.`,
        `Take the annotation ${NODE_ANNOTATION.interruptionWarning} away, or wait: the agent begins when it may.`,
      ],
    },
  ],
};
