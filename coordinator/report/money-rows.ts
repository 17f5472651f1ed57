// The coordinator's metrics about money: rows of the one table in metrics.ts. Counters are of this process since it began
// and are read by increase(), whoever leads; sums over months survive restarts and stand on the page that `gpuasctl cost`
// reads. What has no price has no USD and is counted beside it.

import type { MetricsTable } from "../../shared/runtime/metrics.ts";

const POOL = {
  policy: "name of the AutoscalingPolicy",
  pool: "name of the pool in its policy",
  capacity_type: "spot, on-demand or reserved",
};
const STATE = {
  state:
    "allocated (the share of machines that pods hold), idle (the share that nobody holds), booting or draining",
};

export const MONEY_ROWS = {
  gpu_autoscaler_spend_usd_total: {
    type: "counter",
    help: "Spent on nodes, price times time; nodes without a known price are left out and counted in gpu_autoscaler_spend_unknown_node_seconds_total.",
    labels: { ...POOL, ...STATE },
  },
  gpu_autoscaler_spend_node_seconds_total: {
    type: "counter",
    help: "Time of nodes that was paid for, of known price or not.",
    labels: { ...POOL, ...STATE },
  },
  gpu_autoscaler_spend_unknown_node_seconds_total: {
    type: "counter",
    help: "Time of nodes that was paid for at a price that nobody knows.",
    labels: { ...POOL, ...STATE },
  },
  gpu_autoscaler_spend_compared_usd_total: {
    type: "counter",
    help: "The part of what was spent of which the on-demand price of the same hours is known too.",
    labels: POOL,
  },
  gpu_autoscaler_spend_compared_on_demand_usd_total: {
    type: "counter",
    help: "The on-demand price of those same hours; less what was spent in them it is what was saved.",
    labels: POOL,
  },
  gpu_autoscaler_spend_namespace_usd_total: {
    type: "counter",
    help: "The same spending by who holds the nodes' GPUs; what nobody holds is under (nobody), namespaces beyond 200 under (others).",
    labels: { namespace: "namespace of the pods" },
  },
  gpu_autoscaler_spend_label_usd_total: {
    type: "counter",
    help: "The same spending by labels of the pods (GPUAS_COST_LABELS): (none) for pods without the label, (nobody) for what no pod holds, (others) beyond 200 values.",
    labels: { label: "name of the label", value: "its value" },
  },
  gpu_autoscaler_spend_unobserved_seconds_total: {
    type: "counter",
    help: "Time since the first look in which nobody looked at the fleet, so that nothing of it is in the sums.",
    labels: {},
  },
  gpu_autoscaler_fleet_cost_usd_per_hour: {
    type: "gauge",
    help: "What all machines of the policy cost an hour now, those on their way included; absent where the price of one is not known.",
    labels: { policy: POOL.policy },
  },
  gpu_autoscaler_fleet_cost_estimate_usd_per_hour: {
    type: "gauge",
    help: "The same with the catalogue's estimates for machines of unknown price, as limits count; no money. Absent where one has no estimate either.",
    labels: { policy: POOL.policy },
  },
  gpu_autoscaler_cost_rate_usd_per_hour: {
    type: "gauge",
    help: "What is spent an hour now; absent where the price of a node in it is not known.",
    labels: { ...POOL, ...STATE },
  },
  gpu_autoscaler_cost_unknown_nodes: {
    type: "gauge",
    help: "Nodes that are paid for now at a price that nobody knows, machines on their way included.",
    labels: POOL,
  },
  gpu_autoscaler_estimated_monthly_cost_usd: {
    type: "gauge",
    help: "What a month of 720 hours costs at the rate of this moment; absent where a price is not known.",
    labels: { capacity_type: POOL.capacity_type },
  },
  gpu_autoscaler_estimated_monthly_savings_usd: {
    type: "gauge",
    help: "On-demand price of the nodes of this moment less what they cost, for a month of 720 hours; absent where one of both prices of a node is not known.",
    labels: {},
  },
  gpu_autoscaler_spot_savings_percentage: {
    type: "gauge",
    help: "Of the on-demand price of the spot nodes of this moment, from 0 to 100, over those of which both prices are known; absent when there is none.",
    labels: {},
  },
} as const satisfies MetricsTable;
