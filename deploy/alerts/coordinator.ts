// Alerts about the coordinator itself: whether one leads, whether it cycles, whether it hears NATS, and whether somebody
// else turns the same wheel.

import { counted, leading } from "../promql/words.ts";
import type { AlertGroup } from "./alert.ts";

const SIZE = "gpu_autoscaler_desired_node_count";
const MOVES = "gpu_autoscaler_scaling_actions_total";
const LEADER = "gpu_autoscaler_leader";
/** Moves of this replica in 20 minutes, whether they succeeded or may be done all the same; 0 where there was none. */
const OWN_MOVES = `(sum by (instance) ((${MOVES} - ${MOVES} offset 20m) or ${MOVES}) or sum by (instance) (${LEADER}) * 0)`;
/** A new leader reads every group for the first time: that is no change. */
const HAS_LED = `(min_over_time(${LEADER}[20m]) == 1 and ${LEADER} offset 20m == 1)`;
/** A pool that only follows its pods changes without us, and a size that cannot be read is missing from the sum. */
const EXPLAINED = `increase(gpu_autoscaler_decision_total{reason=~"group-grows-itself|group-missing|size-unknown"}[20m]) > 0`;

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
      query: `(changes(${SIZE}[15m]) - on (instance) ${OWN_MOVES} > 1) and on (instance) ${HAS_LED} unless on (instance) ${EXPLAINED}`,
      for: "1m",
      severity: "warning",
      summary: "Sizes of groups change without a move of ours: something else seems to size them too",
      means:
        "In 15 minutes the sizes that the groups are asked to have changed at least twice more often than this autoscaler moved. Two autoscalers on one group undo each other's work and pay for it.",
      todo: [
        "kubectl get asp -o yaml: the condition GroupsMatch names a rival where the group shows one (Cluster Autoscaler's bounds, scaling policies of an Auto Scaling group).",
        "Look for another writer: the provider's activity log of the group, managed fields of a MachineDeployment or NodePool.",
        "Take the group out of the one or the other. A person who sizes by hand, or a policy that was edited twice: wait, it passes.",
      ],
    },
  ],
};
