// Money as metrics: counters go on by each step of the ledger, gauges say what this moment costs. A rate with an unknown
// price in it has no sample, and names beyond a bound are added up under one, since namespaces and labels come from people.

import { CAPACITY_TYPES } from "../../shared/model/node.ts";
import type { Charge } from "../money/charge.ts";
import { byLabel, NOBODY } from "../money/cuts.ts";
import { OTHERS } from "../money/ledger.ts";
import { MS_PER_HOUR } from "../money/month.ts";
import { rateOf } from "../money/rate.ts";
import type { Rate } from "../money/rate.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
import type { Look, Step } from "./spending.ts";

const MAX_NAMES = 200;

export interface MoneyRecorder {
  record(step: Step | null, now: Look | null): void;
}

export function createMoneyRecorder(metrics: CoordinatorMetrics, labels: readonly string[]): MoneyRecorder {
  const namespaces = createBound();
  const values = new Map(labels.map((label) => [label, createBound()]));

  function count(charge: Charge, ms: number): void {
    const { nodes, usdPerHour, onDemandUsdPerHour, holder } = charge;
    const cell = { ...poolOf(charge), state: charge.state };
    const seconds = (nodes * ms) / 1000;
    metrics.inc("gpu_autoscaler_spend_node_seconds_total", cell, seconds);
    if (usdPerHour === null) {
      metrics.inc("gpu_autoscaler_spend_unknown_node_seconds_total", cell, seconds);
      return;
    }
    const hours = (nodes * ms) / MS_PER_HOUR;
    const usd = usdPerHour * hours;
    metrics.inc("gpu_autoscaler_spend_usd_total", cell, usd);
    const namespace = namespaces(holder?.namespace ?? NOBODY);
    metrics.inc("gpu_autoscaler_spend_namespace_usd_total", { namespace }, usd);
    for (const [label, bound] of values)
      metrics.inc(
        "gpu_autoscaler_spend_label_usd_total",
        { label, value: bound(byLabel(label)(charge)) },
        usd,
      );
    if (onDemandUsdPerHour === null) return;
    metrics.inc("gpu_autoscaler_spend_compared_usd_total", poolOf(charge), usd);
    const onDemand = onDemandUsdPerHour * hours;
    metrics.inc("gpu_autoscaler_spend_compared_on_demand_usd_total", poolOf(charge), onDemand);
  }

  return {
    record: (step, now) => {
      if (step !== null) {
        for (const charge of step.charges) count(charge, step.ms);
        metrics.inc("gpu_autoscaler_spend_unobserved_seconds_total", {}, step.unobservedMs / 1000);
      }
      if (now === null) return;
      recordRates(metrics, now.charges);
      recordPolicies(metrics, now);
    },
  };
}

/** A policy without a machine costs nothing, which is known. */
export function ratesByPolicy({ charges, policies }: Look): ReadonlyMap<string, Rate> {
  const own = Map.groupBy(charges, (charge) => poolOf(charge).policy);
  return new Map([...policies].map((policy) => [policy, rateOf(own.get(policy) ?? [])]));
}

function recordPolicies(metrics: CoordinatorMetrics, now: Look): void {
  const rates = [...ratesByPolicy(now)];
  metrics.setAll(
    "gpu_autoscaler_fleet_cost_usd_per_hour",
    rates.flatMap(([policy, { usdPerHour }]) =>
      usdPerHour === null ? [] : [{ labels: { policy }, value: usdPerHour }],
    ),
  );
  metrics.setAll(
    "gpu_autoscaler_fleet_cost_estimate_usd_per_hour",
    rates.flatMap(([policy, { estimatedUsdPerHour }]) =>
      estimatedUsdPerHour === null ? [] : [{ labels: { policy }, value: estimatedUsdPerHour }],
    ),
  );
}

function recordRates(metrics: CoordinatorMetrics, charges: readonly Charge[]): void {
  const cells = Map.groupBy(charges, ({ pool, tier, state }) => JSON.stringify([pool, tier, state]));
  metrics.setAll(
    "gpu_autoscaler_cost_rate_usd_per_hour",
    [...cells.values()].flatMap((own) => {
      const [first] = own;
      const { usdPerHour } = rateOf(own);
      return first === undefined || usdPerHour === null
        ? []
        : [{ labels: { ...poolOf(first), state: first.state }, value: usdPerHour }];
    }),
  );
  const pools = Map.groupBy(charges, ({ pool, tier }) => JSON.stringify([pool, tier]));
  metrics.setAll(
    "gpu_autoscaler_cost_unknown_nodes",
    [...pools.values()].flatMap((own) => {
      const [first] = own;
      return first === undefined ? [] : [{ labels: poolOf(first), value: rateOf(own).unknownNodes }];
    }),
  );
  metrics.setAll(
    "gpu_autoscaler_estimated_monthly_cost_usd",
    CAPACITY_TYPES.flatMap((tier) => {
      const { usdPerMonth } = rateOf(charges.filter((charge) => charge.tier === tier));
      return usdPerMonth === null ? [] : [{ labels: { capacity_type: tier }, value: usdPerMonth }];
    }),
  );
  const { savedUsdPerMonth } = rateOf(charges);
  metrics.setAll(
    "gpu_autoscaler_estimated_monthly_savings_usd",
    savedUsdPerMonth === null ? [] : [{ labels: {}, value: savedUsdPerMonth }],
  );
  const { savedShare } = rateOf(charges.filter(({ tier }) => tier === "spot"));
  metrics.setAll(
    "gpu_autoscaler_spot_savings_percentage",
    savedShare === null ? [] : [{ labels: {}, value: savedShare * 100 }],
  );
}

/** A policy's name has no slash, a pool's may have what it likes. */
function poolOf({ pool, tier }: Charge) {
  const slash = pool.indexOf("/");
  return { policy: pool.slice(0, slash), pool: pool.slice(slash + 1), capacity_type: tier };
}

function createBound(): (name: string) => string {
  const seen = new Set<string>();
  return (name) => {
    if (seen.has(name)) return name;
    if (seen.size >= MAX_NAMES) return OTHERS;
    seen.add(name);
    return name;
  };
}
