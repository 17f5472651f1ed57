// The forecast as metrics. What nobody knows has no sample; nodes that proved useful or wasted are counted on from what
// was known when this process began to look, so that a series that is put back counts nothing twice.

import type { ForecastView } from "../forecast/series.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

const QUANTILES = [
  ["0.1", "p10"],
  ["0.5", "p50"],
  ["0.9", "p90"],
] as const;
const RESULTS = ["useful", "wasted"] as const;

export type RecordForecasts = (views: readonly ForecastView[]) => void;

export function createForecastRecorder(metrics: CoordinatorMetrics): RecordForecasts {
  const counted = new Map<string, number>();

  function count(view: ForecastView): void {
    for (const result of RESULTS) {
      const labels = { ...labelsOf(view), result };
      const key = JSON.stringify(labels);
      const now = view.guard[result];
      const before = counted.get(key);
      counted.set(key, now);
      metrics.inc("gpu_autoscaler_prewarmed_nodes_total", labels, Math.max(0, now - (before ?? now)));
    }
  }

  return (views) => {
    const all = (value: (view: ForecastView) => number | null) =>
      views.flatMap((view) => {
        const known = value(view);
        return known === null ? [] : [{ labels: labelsOf(view), value: known }];
      });
    const made = (value: (forecast: MadeForecast) => number | null) =>
      all(({ forecast }) => (forecast.kind === "forecast" ? value(forecast) : null));

    metrics.setAll(
      "gpu_autoscaler_forecast_gpus",
      views.flatMap((view) => {
        const { forecast } = view;
        return forecast.kind === "none"
          ? []
          : QUANTILES.map(([quantile, name]) => ({
              labels: { ...labelsOf(view), quantile },
              value: forecast[name],
            }));
      }),
    );
    metrics.setAll(
      "gpu_autoscaler_demand_gpus",
      all(({ demand }) => demand.gpus),
    );
    metrics.setAll("gpu_autoscaler_predicted_utilization", all(utilization));
    metrics.setAll(
      "gpu_autoscaler_prediction_confidence",
      all(({ confidence }) => confidence),
    );
    metrics.setAll(
      "gpu_autoscaler_forecast_acting",
      all(({ input }) => (input?.earned === true ? 1 : 0)),
    );
    metrics.setAll(
      "gpu_autoscaler_forecast_coverage",
      made(({ skill }) => skill.coverage),
    );
    metrics.setAll(
      "gpu_autoscaler_forecast_pinball_ratio",
      made(({ skill }) => skill.pinballRatio),
    );
    metrics.setAll(
      "gpu_autoscaler_forecast_mase",
      made(({ skill }) => skill.mase),
    );
    metrics.setAll(
      "gpu_autoscaler_forecast_floor_gpus",
      all(({ input }) => (input?.earned === true ? Math.max(input.gpus, input.keepGpus ?? 0) : null)),
    );
    for (const view of views) count(view);
  };
}

type MadeForecast = Extract<ForecastView["forecast"], { readonly kind: "forecast" }>;

function utilization({ forecast, demand: { nodes, gpusPerNode } }: ForecastView): number | null {
  if (forecast.kind === "none" || gpusPerNode === null || nodes === 0) return null;
  return forecast.p50 / (nodes * gpusPerNode);
}

function labelsOf({ policy, gpuType }: ForecastView) {
  return { policy, gpu_type: gpuType ?? "" };
}
