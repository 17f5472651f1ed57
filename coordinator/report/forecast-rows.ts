// The coordinator's metrics about its forecast: rows of the one table in metrics.ts. A series that has no forecast has no
// sample; how good a forecast is says nothing of whether it may act, which is a row of its own.

import type { MetricsTable } from "../../shared/runtime/metrics.ts";

const SERIES = {
  policy: "name of the AutoscalingPolicy",
  gpu_type: "kind of GPU; empty where nobody says which",
};

export const FORECAST_ROWS = {
  gpu_autoscaler_forecast_gpus: {
    type: "gauge",
    help: "GPUs expected to be in use or waited for when a node that is ordered now would be there, the highest of the horizon.",
    labels: { ...SERIES, quantile: "0.1, 0.5 or 0.9" },
  },
  gpu_autoscaler_demand_gpus: {
    type: "gauge",
    help: "GPUs that pods hold or wait for now: what is forecast.",
    labels: SERIES,
  },
  gpu_autoscaler_predicted_utilization: {
    type: "gauge",
    help: "Expected demand by the GPUs of the nodes that are there or on their way; over 1 more is expected than they have. Absent without nodes.",
    labels: SERIES,
  },
  gpu_autoscaler_prediction_confidence: {
    type: "gauge",
    help: "The chance that more is wanted than these nodes serve at the policy's preWarmThreshold, from 0 to 1.",
    labels: SERIES,
  },
  gpu_autoscaler_forecast_acting: {
    type: "gauge",
    help: "1 when the forecast may add nodes and delay removals, 0 when it stands down or only shows.",
    labels: SERIES,
  },
  gpu_autoscaler_forecast_coverage: {
    type: "gauge",
    help: "Share of the last 7 days in which demand stayed under the bound of 90 %.",
    labels: SERIES,
  },
  gpu_autoscaler_forecast_pinball_ratio: {
    type: "gauge",
    help: "Loss of the last 7 days by that of the better of last value and last week; under 1 is better than both.",
    labels: SERIES,
  },
  gpu_autoscaler_forecast_mase: {
    type: "gauge",
    help: "Mean absolute error of the last 7 days by that of last week's load.",
    labels: SERIES,
  },
  gpu_autoscaler_forecast_floor_gpus: {
    type: "gauge",
    help: "GPUs below which the forecast lets no policy fall while it acts.",
    labels: SERIES,
  },
  gpu_autoscaler_prewarmed_nodes_total: {
    type: "counter",
    help: "Nodes that were ordered for the forecast and that demand came for, or did not, within half an hour of the expected time.",
    labels: { ...SERIES, result: "useful or wasted" },
  },
} satisfies MetricsTable;
