// Alerts about the coordinator itself: whether one leads, whether it cycles, whether it hears NATS, and whether somebody
// else turns the same wheel.

import { counted, leading } from "../promql/words.ts";
import type { AlertGroup } from "./alert.ts";

const LEADER = "gpu_autoscaler_leader";

export const COORDINATOR_ALERTS: AlertGroup = {
  name: "gpu-autoscaler-coordinator",
  title: "The coordinator",
  alerts: [
    {
      name: "GpuAutoscalerNoLeader",
      query: `absent(${LEADER} == 1)`,
      for: "2m",
      severity: "critical",
      summary: "No coordinator leads: nothing is scaled",
      means:
        "No coordinator that is scraped says that it leads. Pods that wait get no node, idle nodes stay, lost nodes are not replaced. Agents go on: notices are heard and nodes are drained.",
      todo: [
        "See whether the coordinator's pods run: kubectl get pods of its namespace. None: describe the Deployment.",
        "They run: their log says why they do not lead, mostly that the Lease cannot be written (rights, API server).",
        "They lead and the alert stands: Prometheus does not scrape them. See the targets.",
      ],
    },
    {
      name: "GpuAutoscalerStandsStill",
      query: `time() - max(${leading("gpu_autoscaler_last_reconcile_timestamp")}) > 120`,
      for: "1m",
      severity: "critical",
      summary: "The last cycle of the leading coordinator ended {{ $value | humanizeDuration }} ago",
      means:
        "A replica leads, so no other takes over, and it decides nothing. A cycle comes at least each 10 seconds.",
      todo: [
        "Read the leader's log: a stage that fails is named in it.",
        "Nothing there: delete the leader's pod. Another one takes over and continues what was begun.",
      ],
    },
    {
      name: "GpuAutoscalerCyclesFail",
      query: `sum(increase(gpu_autoscaler_reconcile_errors_total[15m])) > 3`,
      for: "5m",
      severity: "warning",
      summary: 'Cycles of the coordinator that failed in 15 minutes: {{ $value | printf "%.0f" }}',
      means:
        "A stage of the cycle failed. One that fails now and then costs seconds, several a quarter of an hour do not pass by themselves.",
      todo: [
        "The leader's log names the stage and the error: the Kubernetes API, NATS, a provider.",
        "It names neither: save a snapshot with gpuasctl decide --live and report it.",
      ],
    },
    {
      name: "GpuAutoscalerNatsDown",
      query: `min by (instance) (gpu_autoscaler_nats_connected) == 0`,
      for: "3m",
      severity: "warning",
      summary: "The coordinator {{ $labels.instance }} is not connected to NATS",
      means:
        "Without NATS nothing is known of GPUs: no node goes for being idle. Growing for pods and replacing lost nodes go on, since they need no telemetry.",
      todo: [
        "See whether nats-server runs and has room on its volume.",
        "It runs: the coordinator's log says whether it is refused (credentials, certificate) or cannot connect (NetworkPolicy).",
      ],
    },
    {
      name: "GpuAutoscalerLoginsRefused",
      query: `sum by (result) (${counted('gpu_autoscaler_nats_logins_total{result!="accepted"}', "15m")}) > 10`,
      for: "5m",
      severity: "warning",
      summary: "Logins at NATS that were refused in 15 minutes ({{ $labels.result }}): {{ $value }}",
      means:
        "Somebody tries again and again to connect and may not. An agent that cannot connect hears notices and drains its node all the same, and nothing is known of its GPUs.",
      todo: [
        "no-review: the coordinator cannot ask the Kubernetes API; see its log and its right to create TokenReviews.",
        "not-authentic, not-bound: the agents' token is mounted without its audience or its end; see the projected volume.",
        "wrong-account, unreadable, no-token: it is no agent of ours. The coordinator's log says from where it came.",
      ],
    },
    {
      name: "GpuAutoscalerRival",
      query: `max by (policy, pool, rival) (${leading("gpu_autoscaler_rival")}) == 1`,
      for: "1m",
      severity: "warning",
      summary:
        "Something else sizes the group of {{ $labels.policy }}/{{ $labels.pool }} ({{ $labels.rival }}): the pool waits for it",
      means:
        "Two autoscalers on one group undo each other's work and pay for it. This one stands back: the pool neither grows nor shrinks (during an instance refresh it only loses no nodes), what it would have bought is bought in other pools, and nodes under notice are drained all the same.",
      todo: [
        "kubectl get asp -o yaml: the condition RivalAutoscaler says who it is, where that was seen, and how it is switched off for the group.",
        "resized-by-hand: nobody is known by name. See the provider's activity log of the group, or managed fields of a MachineDeployment or NodePool. It passes ten minutes after the last change.",
        "The other one is meant to size the group: take the pool out of the policy, or set mode: Recommend.",
      ],
    },
  ],
};
