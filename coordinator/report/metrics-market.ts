// What a node of each pool costs, what cannot be had, and how the packing went, as metrics of one cycle. A price that nobody
// knows has no sample, and counts where it is missing. What is spent is metrics-money.ts's.

import type { Plan, PolicyFigures } from "../decide/plan.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

export function recordMarket(metrics: CoordinatorMetrics, { at, figures, packing }: Plan): void {
  const pools = figures.flatMap(({ policy, pools: own }) =>
    own.map((figure) => ({ labels: { policy, pool: figure.pool }, ...figure })),
  );
  metrics.setAll(
    "gpu_autoscaler_inflight_nodes",
    pools.map(({ labels, booting }) => ({ labels, value: booting })),
  );
  const priced = pools.flatMap(({ labels, price }) =>
    price === undefined || price === null ? [] : [{ labels, price }],
  );
  metrics.setAll(
    "gpu_autoscaler_node_price_usd_per_hour",
    priced.map(({ labels, price }) => ({
      labels: { ...labels, source: price.source },
      value: price.usdPerHour,
    })),
  );
  metrics.setAll(
    "gpu_autoscaler_price_age_seconds",
    priced.flatMap(({ labels, price }) =>
      price.at === null ? [] : [{ labels, value: Math.max(0, at - price.at) / 1000 }],
    ),
  );
  metrics.setAll(
    "gpu_autoscaler_price_unknown_nodes",
    pools.flatMap(({ labels, price, ready, booting }) =>
      price === undefined ? [] : [{ labels, value: price === null ? ready + booting : 0 }],
    ),
  );
  metrics.setAll(
    "gpu_autoscaler_offerings_paused",
    figures.flatMap((figure) => pausedByKind(figure, at)),
  );
  metrics.setAll(
    "gpu_autoscaler_packing_work_units",
    packing === undefined ? [] : [{ labels: {}, value: packing.units }],
  );
  metrics.setAll(
    "gpu_autoscaler_packing_pods_left_out",
    packing === undefined ? [] : [{ labels: {}, value: packing.leftOut }],
  );
}

function pausedByKind({ policy, offerings = [] }: PolicyFigures, at: Plan["at"]) {
  const paused = Map.groupBy(
    offerings.filter(({ until }) => until > at),
    ({ kind }) => kind,
  );
  return [...paused].map(([kind, of]) => ({ labels: { policy, kind }, value: of.length }));
}
