// On which series the alerts of deploy/alerts/capacity.ts fire, and near misses on which they have to stay silent.

import { always, kept, led } from "./series.ts";
import type { AlertCase, Series } from "./series.ts";

const MOVE = 'action="grow", capacity_type="spot"';
const moves = (success: boolean, values: string): Series => ({
  [`gpu_autoscaler_scaling_actions_total{instance="a", ${MOVE}, success="${success}"}`]: values,
});
const OF_MOVE = { action: "grow", capacity_type: "spot" };
const PAUSED = "gpu_autoscaler_offerings_paused";
const POOL = 'policy="gpus", pool="spot-a"';
const prewarmed = (values: { readonly wasted: string; readonly useful: string }, instance = "a"): Series =>
  Object.fromEntries(
    Object.entries(values).map(([result, own]) => [
      `gpu_autoscaler_prewarmed_nodes_total{instance="${instance}", policy="gpus", gpu_type="H200", result="${result}"}`,
      own,
    ]),
  );

export const CAPACITY_CASES: Readonly<Record<string, AlertCase>> = {
  GpuAutoscalerPodsPending: {
    fires: [
      {
        at: 20,
        series: led("gpu_autoscaler_pending_pods", always(3)),
        labels: {},
        summary: "GPU pods without a node, for a quarter of an hour: 3",
      },
    ],
    silent: [
      {
        why: "they have waited for ten minutes",
        at: 10,
        series: led("gpu_autoscaler_pending_pods", always(3)),
      },
      {
        why: "they waited when the other one led",
        at: 60,
        series: {
          ...kept("gpu_autoscaler_pending_pods", 3),
          ...led("gpu_autoscaler_pending_pods", always(0)),
        },
      },
    ],
  },
  GpuAutoscalerCapacityRefused: {
    fires: [
      {
        at: 20,
        series: led(PAUSED, always(2), 'policy="gpus", kind="no-capacity"'),
        labels: { policy: "gpus", kind: "no-capacity" },
        summary: "Offerings that policy gpus cannot have (no-capacity): 2",
      },
    ],
    silent: [
      {
        why: "it has been so for ten minutes",
        at: 10,
        series: led(PAUSED, always(2), 'policy="gpus", kind="no-capacity"'),
      },
      {
        why: "it was so when the other led",
        at: 20,
        series: kept(PAUSED, 2, 'policy="gpus", kind="no-capacity"'),
      },
      {
        why: "it is a right that is missing",
        at: 20,
        series: led(PAUSED, always(1), 'policy="gpus", kind="denied"'),
      },
    ],
  },
  GpuAutoscalerProviderRefuses: {
    fires: [
      {
        at: 10,
        series: led(PAUSED, always(1), 'policy="gpus", kind="denied"'),
        labels: { policy: "gpus", kind: "denied" },
        summary: "Offerings that the provider refuses policy gpus (denied): 1",
      },
    ],
    silent: [
      {
        why: "it has been so for four minutes",
        at: 4,
        series: led(PAUSED, always(1), 'policy="gpus", kind="denied"'),
      },
      {
        why: "it was so when the other led",
        at: 10,
        series: kept(PAUSED, 1, 'policy="gpus", kind="denied"'),
      },
      {
        why: "capacity is short, which passes",
        at: 10,
        series: led(PAUSED, always(4), 'policy="gpus", kind="no-capacity"'),
      },
    ],
  },
  GpuAutoscalerMovesFail: {
    fires: [
      {
        at: 20,
        series: moves(false, "_x10 1 2 3+0x60"),
        labels: OF_MOVE,
        summary: "Moves that failed in half an hour (grow, spot): 3",
      },
    ],
    silent: [
      { why: "two failed", at: 20, series: moves(false, "_x10 1 2+0x60") },
      { why: "the third failed just now", at: 14, series: moves(false, "_x10 1 2 3+0x60") },
      { why: "they failed long ago", at: 90, series: moves(false, always(5)) },
    ],
  },
  GpuAutoscalerScaled: {
    fires: [
      {
        // The first move of a coordinator brings the series into being.
        at: 15,
        series: moves(true, "_x10 1+0x60"),
        labels: OF_MOVE,
        summary: "Moves in 10 minutes (grow, spot): 1",
      },
    ],
    silent: [
      { why: "the move is half an hour old", at: 45, series: moves(true, "_x10 1+0x60") },
      { why: "the move failed", at: 15, series: moves(false, "_x10 1+0x60") },
    ],
  },
  GpuAutoscalerPriceUnknown: {
    fires: [
      {
        at: 40,
        series: led("gpu_autoscaler_price_unknown_nodes", always(2), POOL),
        labels: { policy: "gpus", pool: "spot-a" },
        summary: "Nodes of gpus/spot-a of which nobody knows the price: 2",
      },
    ],
    silent: [
      {
        why: "the price is known",
        at: 40,
        series: led("gpu_autoscaler_price_unknown_nodes", always(0), POOL),
      },
      {
        why: "it has been so for twenty minutes",
        at: 20,
        series: led("gpu_autoscaler_price_unknown_nodes", always(2), POOL),
      },
      {
        why: "it was so when the other led",
        at: 40,
        series: kept("gpu_autoscaler_price_unknown_nodes", 2, POOL),
      },
    ],
  },
  GpuAutoscalerHighCost: {
    fires: [
      {
        at: 70,
        series: led("gpu_autoscaler_fleet_cost_estimate_usd_per_hour", always(1200), 'policy="gpus"'),
        labels: { policy: "gpus" },
        summary: "Policy gpus has cost 1200.00 USD an hour for an hour, more than 1000",
      },
    ],
    silent: [
      {
        why: "it is just below",
        at: 90,
        series: led("gpu_autoscaler_fleet_cost_estimate_usd_per_hour", always(999.9), 'policy="gpus"'),
      },
      {
        why: "it has been so for fifty minutes",
        at: 50,
        series: led("gpu_autoscaler_fleet_cost_estimate_usd_per_hour", always(1200), 'policy="gpus"'),
      },
      {
        why: "it was so when the other led",
        at: 90,
        series: kept("gpu_autoscaler_fleet_cost_estimate_usd_per_hour", 1200, 'policy="gpus"'),
      },
    ],
  },
  GpuAutoscalerPrewarmsWasted: {
    fires: [
      {
        at: 120,
        series: prewarmed({ wasted: "0+0x30 6+0x100", useful: "0+0x30 3+0x100" }),
        labels: { policy: "gpus", gpu_type: "H200" },
        summary:
          "Nodes ordered for the forecast of policy gpus (H200) that nobody needed in a day: 6, more than half",
      },
      {
        at: 180,
        // Whoever leads counts on from zero.
        series: {
          ...prewarmed({ wasted: "0+0x30 3+0x150", useful: "0+0x180" }),
          ...prewarmed({ wasted: "_x60 0+0x30 3+0x100", useful: "_x60 0+0x130" }, "b"),
        },
        labels: { policy: "gpus", gpu_type: "H200" },
        summary:
          "Nodes ordered for the forecast of policy gpus (H200) that nobody needed in a day: 6, more than half",
      },
    ],
    silent: [
      {
        why: "one alone is no sign of anything",
        at: 120,
        series: prewarmed({ wasted: "0+0x30 1+0x100", useful: "0+0x130" }),
      },
      {
        why: "four are one too few",
        at: 120,
        series: prewarmed({ wasted: "0+0x30 4+0x100", useful: "0+0x130" }),
      },
      {
        why: "as many were of use",
        at: 120,
        series: prewarmed({ wasted: "0+0x30 6+0x100", useful: "0+0x30 7+0x100" }),
      },
      {
        why: "they were those of the day before",
        at: 1_560,
        series: prewarmed({ wasted: "0+0x30 6+0x1600", useful: "0+0x1630" }),
      },
    ],
  },
};
