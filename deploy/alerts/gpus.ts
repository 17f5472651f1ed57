// Alerts about GPUs: nothing known, hardly used, memory full, unfit. Memory in use is used ÷ (used + free).

import { leading } from "../promql/words.ts";
import type { AlertGroup } from "./alert.ts";

const USED = "gpu_autoscaler_gpu_memory_used_bytes";
const FREE = "gpu_autoscaler_gpu_memory_free_bytes";
const BUSY = `max(${leading("gpu_autoscaler_cluster_utilization")})`;
const WHO_HOLDS =
  "The dashboard of workloads shows which pods hold a GPU and do not use it. Only their owner can give it back.";

export const GPU_ALERTS: AlertGroup = {
  name: "gpu-autoscaler-gpus",
  title: "GPUs",
  alerts: [
    {
      name: "GpuAutoscalerTelemetryUnknown",
      query: `max(${leading("gpu_autoscaler_nodes_unknown")}) > 0`,
      for: "10m",
      severity: "warning",
      summary: "Nodes of whose GPUs nothing is known: {{ $value }}",
      means:
        "Their telemetry is missing or too old to decide on. Such a node never counts as idle, so that it may stay and cost for nothing; pods on it are not touched.",
      todo: [
        "gpuasctl explain node NAME says of such a node that its telemetry is missing, old or thin. The dashboard of agents shows whose readings are old, and which agents cannot read.",
        "No agent's pod on such a node: see why the DaemonSet does not reach it (tolerations, node selector).",
        "The agent runs: agent inspect in its pod says of every reading what it is or why it is missing.",
        "All nodes at once: NATS, see GpuAutoscalerNatsDown.",
      ],
    },
    {
      name: "GpuAutoscalerUtilizationLow",
      query: `${BUSY} < 0.3`,
      for: "10m",
      severity: "info",
      summary: "The GPUs are used at {{ $value | humanizePercentage }} on average",
      means: "Mean over all GPUs that report has been below 30 % for 10 minutes.",
      todo: [
        "Nobody holds them: nodes go by themselves after the idle window, unless something keeps them: gpuasctl explain node NAME.",
        WHO_HOLDS,
      ],
      answers: ["A66"],
    },
    {
      name: "GpuAutoscalerGpusIdle",
      query: `${BUSY} < 0.2`,
      for: "30m",
      severity: "warning",
      summary: "For half an hour the GPUs have been used at {{ $value | humanizePercentage }} on average",
      means:
        "Mean over all GPUs that report. Longer than the idle window, so that what the autoscaler may remove is gone: what is left is held or kept.",
      todo: [
        WHO_HOLDS,
        "gpuasctl explain node NAME says what keeps a node that nobody uses: a budget, a pod that refuses, a minimum.",
        "Minima, schedules and headroom are wishes of the policy: ask whether they are still wanted.",
      ],
      answers: ["E49"],
    },
    {
      name: "GpuAutoscalerGpuMemoryHigh",
      query: `max by (node, gpu) (${USED} / (${USED} + ${FREE})) > 0.9`,
      for: "10m",
      severity: "info",
      summary:
        "GPU {{ $labels.gpu }} of {{ $labels.node }} has {{ $value | humanizePercentage }} of its memory in use",
      means:
        "Used of used and free. Frameworks that take all memory at their start look like this all the time, so that it is only information.",
      todo: [
        "Work fails for want of memory: smaller batches, or a GPU with more.",
        "It is the framework's habit: silence it for the namespace.",
      ],
      answers: ["A67"],
    },
    {
      name: "GpuAutoscalerGpuUnfit",
      query: `max by (node) (gpu_autoscaler_node_gpu_health{state="fatal"}) == 1`,
      for: "5m",
      severity: "critical",
      summary: "A GPU of {{ $labels.node }} is not fit for work",
      means:
        "A fatal verdict stands: pods that are put there fail. The node's condition GpuHealthy names the rule.",
      todo: [
        "kubectl describe node: the condition GpuHealthy has the GPU, the rule and what to do (reset, reboot, replace).",
        "health.replace: Replace in the policy lets the autoscaler do it.",
      ],
    },
  ],
};
