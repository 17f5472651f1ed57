import { describe, expect, test } from "vitest";

import { unknownNames } from "./known.ts";

describe("unknownNames()", () => {
  test.each([
    [
      'sum by (policy) (gpu_autoscaler_inflight_nodes{pool="a"} and on (instance) gpu_autoscaler_leader == 1)',
    ],
    ["sum by (le, stage) (rate(gpu_autoscaler_launch_stage_duration_seconds_bucket[5m]))"],
    ['max by (node) (gpu_autoscaler_node_gpus{of="healthy"})'],
    ["sum by (Hostname) (DCGM_FI_DEV_GPU_UTIL)"],
    ["count by (node) (kube_pod_info)"],
  ])("has nothing to say of %s", (query) => {
    expect(unknownNames(query)).toEqual([]);
  });

  test.each([
    ["sum(gpu_autoscaler_nodes)", "there is no metric gpu_autoscaler_nodes"],
    ['gpu_autoscaler_node_count{pool="a"}', "gpu_autoscaler_node_count has no label pool"],
    ["sum by (zone) (gpu_autoscaler_pending_pods)", "no metric of the query has the label zone"],
    [
      "rate(gpu_autoscaler_launch_stage_duration_seconds[5m])",
      "there is no metric gpu_autoscaler_launch_stage_duration_seconds",
    ],
  ])("says of %s: %s", (query, complaint) => {
    expect(unknownNames(query)).toEqual([complaint]);
  });
});
