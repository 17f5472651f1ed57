// Alerts about capacity and money: pods that wait, what cannot be bought, moves, and what it costs. Cost is that of nodes,
// as the coordinator adds it up; use of GPUs times the price of a machine would count a machine once for each GPU.

import { counted, leading } from "../promql/words.ts";
import type { AlertGroup, AlertOptions } from "./alert.ts";

const MOVES = "gpu_autoscaler_scaling_actions_total";
const PREWARMED = "gpu_autoscaler_prewarmed_nodes_total";
const WASTED = `${PREWARMED}{result="wasted"}`;

export function capacityAlerts({ highCostUsdPerHour }: AlertOptions): AlertGroup {
  return {
    name: "gpu-autoscaler-capacity",
    title: "Capacity and money",
    alerts: [
      {
        name: "GpuAutoscalerPodsPending",
        query: `max(${leading("gpu_autoscaler_pending_pods")}) > 0`,
        for: "15m",
        severity: "warning",
        summary: "GPU pods without a node, for a quarter of an hour: {{ $value }}",
        means:
          "Pods that count as demand wait for longer than a machine usually takes to come. Not necessarily the same pods all the time.",
        todo: [
          "gpuasctl explain pod NAMESPACE/NAME says which check fails first, pool by pool, and what to change.",
          "It says that a pool is at its maximum, cooling down or without capacity: gpuasctl explain pool POLICY/POOL.",
        ],
        answers: ["A68"],
      },
      {
        name: "GpuAutoscalerCapacityRefused",
        query: `sum by (policy, kind) (${leading('gpu_autoscaler_offerings_paused{kind!~"denied|misconfigured"}')}) > 0`,
        for: "15m",
        severity: "warning",
        summary: "Offerings that policy {{ $labels.policy }} cannot have ({{ $labels.kind }}): {{ $value }}",
        means:
          "What was asked for did not come, and is tried again less and less often. Pods go to other offerings where the policy has some.",
        todo: [
          "no-capacity, timed-out: allow more instance types and zones, or let another pool take the pods. It passes by itself.",
          "quota: raise it at the provider, or lower the pool's maxSize to what it allows.",
          "throttled, unavailable: the provider has trouble or the account asks too much; see the dashboard of pools.",
        ],
      },
      {
        name: "GpuAutoscalerProviderRefuses",
        query: `sum by (policy, kind) (${leading('gpu_autoscaler_offerings_paused{kind=~"denied|misconfigured"}')}) > 0`,
        for: "5m",
        severity: "warning",
        summary:
          "Offerings that the provider refuses policy {{ $labels.policy }} ({{ $labels.kind }}): {{ $value }}",
        means: "A right is missing or a template is wrong. It does not pass by itself.",
        todo: [
          "gpuasctl explain pool POLICY/POOL has the provider's own words.",
          "denied: compare the coordinator's rights with deploy/clouds. misconfigured: mend the group's template.",
        ],
      },
      {
        name: "GpuAutoscalerMovesFail",
        query: `sum by (action, capacity_type) (${counted(`${MOVES}{success="false"}`, "30m")}) > 2`,
        for: "5m",
        severity: "warning",
        summary: `Moves that failed in half an hour ({{ $labels.action }}, {{ $labels.capacity_type }}): {{ $value }}`,
        means: "Moves were decided and the group did not change as decided.",
        todo: [
          "kubectl describe asp: its Events name the pool and the error of each move.",
          "The error is the provider's: see the alerts GpuAutoscalerCapacityRefused and GpuAutoscalerProviderRefuses.",
        ],
        answers: ["C49"],
      },
      {
        name: "GpuAutoscalerScaled",
        query: `sum by (action, capacity_type) (${counted(`${MOVES}{success="true"}`, "10m")}) > 0`,
        for: "0s",
        severity: "info",
        summary: "Moves in 10 minutes ({{ $labels.action }}, {{ $labels.capacity_type }}): {{ $value }}",
        means:
          "The autoscaler changed the size of pools. Nothing is wrong; send it where such things are read.",
        todo: ["Nothing. kubectl describe asp says why each move was made."],
        answers: ["C49"],
      },
      {
        name: "GpuAutoscalerPriceUnknown",
        query: `sum by (policy, pool) (${leading("gpu_autoscaler_price_unknown_nodes")}) > 0`,
        for: "30m",
        severity: "warning",
        summary:
          "Nodes of {{ $labels.policy }}/{{ $labels.pool }} of which nobody knows the price: {{ $value }}",
        means:
          "The cost of the whole policy is not shown, not even by estimates, and GpuAutoscalerHighCost cannot fire for it. Under maxHourlyCostUsd the pool does not grow.",
        todo: [
          "Write nodePools[].price into the policy.",
          "Or see why the type is not known: gpuasctl explain pool POLICY/POOL. The catalogue's types are in deploy/reference/instances.md.",
        ],
      },
      {
        name: "GpuAutoscalerHighCost",
        query: `sum by (policy) (${leading("gpu_autoscaler_fleet_cost_estimate_usd_per_hour")}) > ${highCostUsdPerHour}`,
        for: "1h",
        severity: "warning",
        summary: `Policy {{ $labels.policy }} has cost {{ $value | printf "%.2f" }} USD an hour for an hour, more than ${highCostUsdPerHour}`,
        means:
          "The price of all its machines, each by its own, added up; of those without one the catalogue's estimate, as maxHourlyCostUsd counts.",
        todo: [
          "See the dashboard of money: which capacity type, and how many GPUs nobody holds.",
          "It is what you want: set the limit of this alert higher. It is not: maxHourlyCostUsd in the policy stops growth.",
        ],
        answers: ["E48"],
      },
      {
        name: "GpuAutoscalerPrewarmsWasted",
        // increase() tells no whole numbers: five are 4.99 or 5.01.
        query: `sum by (policy, gpu_type) (increase(${WASTED}[1d])) > 4.5 and sum by (policy, gpu_type) (increase(${WASTED}[1d])) > 0.5 * sum by (policy, gpu_type) (increase(${PREWARMED}[1d]))`,
        for: "10m",
        severity: "warning",
        summary:
          'Nodes ordered for the forecast of policy {{ $labels.policy }} ({{ $labels.gpu_type }}) that nobody needed in a day: {{ $value | printf "%.0f" }}, more than half',
        means:
          "Of the nodes that the forecast ordered in the last day at least five stood unused half an hour after demand was expected, and they are more than half of all.",
        todo: [
          "gpuasctl forecast POLICY says how good it was, and whether it stands down by itself by now.",
          "The load has changed: set predictive.mode to ForecastOnly until the skill is back; an excluded day is better named beforehand.",
          "It goes on: raise predictive.preWarmThreshold, or lower predictive.maxPreWarmNodes.",
        ],
      },
    ],
  };
}
