// On which series the alerts of deploy/alerts/gpus.ts fire, and near misses on which they have to stay silent.

import { TARGET, always, kept, led } from "./series.ts";
import type { AlertCase, Series } from "./series.ts";

const memory = (used: number, free: number): Series => ({
  [`gpu_autoscaler_gpu_memory_used_bytes{${TARGET}, gpu="0", uuid="GPU-0", model="H100"}`]: always(used),
  [`gpu_autoscaler_gpu_memory_free_bytes{${TARGET}, gpu="0", uuid="GPU-0", model="H100"}`]: always(free),
});
const health = (state: string): Series => ({
  [`gpu_autoscaler_node_gpu_health{${TARGET}, state="${state}"}`]: always(1),
});

export const GPUS_CASES: Readonly<Record<string, AlertCase>> = {
  GpuAutoscalerTelemetryUnknown: {
    fires: [
      {
        at: 15,
        series: led("gpu_autoscaler_nodes_unknown", always(1)),
        labels: {},
        summary: "Nodes of whose GPUs nothing is known: 1",
      },
    ],
    silent: [
      { why: "all nodes are known", at: 15, series: led("gpu_autoscaler_nodes_unknown", always(0)) },
      {
        why: "a node is new, and its driver takes eight minutes",
        at: 8,
        series: led("gpu_autoscaler_nodes_unknown", always(1)),
      },
      { why: "it was so when the other led", at: 15, series: kept("gpu_autoscaler_nodes_unknown", 1) },
    ],
  },
  GpuAutoscalerUtilizationLow: {
    fires: [
      {
        at: 15,
        series: led("gpu_autoscaler_cluster_utilization", always(0.25)),
        labels: {},
        summary: "The GPUs are used at 25% on average",
      },
    ],
    silent: [
      { why: "it is at the limit", at: 15, series: led("gpu_autoscaler_cluster_utilization", always(0.3)) },
      {
        why: "it has been so for nine minutes",
        at: 9,
        series: led("gpu_autoscaler_cluster_utilization", always(0.25)),
      },
      {
        why: "no GPU reports, which is not zero, whatever the other one knew when it led",
        at: 15,
        series: kept("gpu_autoscaler_cluster_utilization", 0.1),
      },
    ],
  },
  GpuAutoscalerGpusIdle: {
    fires: [
      {
        at: 40,
        series: led("gpu_autoscaler_cluster_utilization", always(0.1)),
        labels: {},
        summary: "For half an hour the GPUs have been used at 10% on average",
      },
    ],
    silent: [
      {
        why: "it is low and not idle",
        at: 60,
        series: led("gpu_autoscaler_cluster_utilization", always(0.25)),
      },
      {
        why: "it has been so for twenty minutes",
        at: 20,
        series: led("gpu_autoscaler_cluster_utilization", always(0.1)),
      },
      {
        why: "it was so when the other led",
        at: 60,
        series: kept("gpu_autoscaler_cluster_utilization", 0.1),
      },
    ],
  },
  GpuAutoscalerGpuMemoryHigh: {
    fires: [
      {
        at: 15,
        series: memory(95, 5),
        labels: { node: "gpu-7", gpu: "0" },
        summary: "GPU 0 of gpu-7 has 95% of its memory in use",
      },
    ],
    silent: [
      { why: "four fifths are used, which is four times what is free", at: 15, series: memory(80, 20) },
      { why: "it has been so for nine minutes", at: 9, series: memory(95, 5) },
    ],
  },
  GpuAutoscalerGpuUnfit: {
    fires: [
      {
        at: 10,
        series: health("fatal"),
        labels: { node: "gpu-7" },
        summary: "A GPU of gpu-7 is not fit for work",
      },
    ],
    silent: [
      { why: "it is degraded", at: 10, series: health("degraded") },
      { why: "it was read as unfit four minutes ago", at: 4, series: health("fatal") },
    ],
  },
};
