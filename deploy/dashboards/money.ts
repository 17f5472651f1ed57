// What the fleet costs, as far as prices are known. A sum over a price that nobody knows is not shown: unknown is not
// zero. Nothing here is multiplied by a price that belongs to another node.

import { leading } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

const INFO = leading("gpu_autoscaler_pool_info");
const PRICE = `(${leading("gpu_autoscaler_node_price_usd_per_hour")} * on (policy, pool) group_left (capacity_type) ${INFO})`;
const NODES = `sum by (capacity_type) (${leading("gpu_autoscaler_node_count")})`;
const RATE = leading("gpu_autoscaler_cost_rate_usd_per_hour");
const UNKNOWN = leading("gpu_autoscaler_cost_unknown_nodes");

/** Of all nodes together; no value where the price of one is not known. */
function rateBy(label: "policy" | "capacity_type"): string {
  return `sum by (${label}) (${RATE}) unless on (${label}) (sum by (${label}) (${UNKNOWN}) > 0)`;
}

/** What a counter of USD went up by in a day, whoever led. */
function inADay(counter: string, by: readonly string[]): string {
  return `sum by (${by.join(", ")}) (increase(${counter}[1d]))`;
}

export const MONEY: Dashboard = {
  name: "money",
  about: "What the nodes cost, for whoever pays. Needs the coordinator's page.",
  variables: [],
  sections: [
    {
      title: "What it costs",
      panels: [
        {
          title: "What do all nodes of a policy cost an hour?",
          look: "Price of each machine, Ready or not, those on their way included, added up. Where the price of one is not known there is only a line with the catalogue's estimates, if it has one: it is no money. A gap: of one there is no estimate either.",
          unit: "currencyUSD",
          answers: ["E48"],
          queries: [
            {
              query: `sum by (policy) (${leading("gpu_autoscaler_fleet_cost_usd_per_hour")})`,
              legend: "{{policy}}",
            },
            {
              query: `sum by (policy) (${leading("gpu_autoscaler_fleet_cost_estimate_usd_per_hour")}) unless on (policy) sum by (policy) (${leading("gpu_autoscaler_fleet_cost_usd_per_hour")})`,
              legend: "{{policy}} with estimates",
            },
          ],
        },
        {
          title: "What do the nodes of each capacity type cost an hour?",
          look: "Each node at its own price, those on their way included. A gap: the price of one of them is not known.",
          unit: "currencyUSD",
          answers: ["B100", "B106"],
          queries: [{ query: rateBy("capacity_type"), legend: "{{capacity_type}}" }],
        },
        {
          title: "On what is it spent?",
          look: "allocated is the share of nodes that pods hold, idle the share that nobody holds. booting and draining nodes are paid for too. Nodes without a known price are missing here.",
          unit: "currencyUSD",
          answers: ["B138"],
          queries: [{ query: `sum by (state) (${RATE})`, legend: "{{state}}" }],
        },
        {
          title: "What would a month cost at this rate?",
          look: "720 hours of this moment, by capacity type: an estimate, not what was spent. A gap: a price is not known.",
          unit: "currencyUSD",
          shown: "numbers",
          answers: ["B91", "B98", "C50"],
          queries: [
            {
              query: `sum by (capacity_type) (${leading("gpu_autoscaler_estimated_monthly_cost_usd")})`,
              legend: "{{capacity_type}}",
            },
          ],
        },
        {
          title: "What does it save against on demand, in a month at this rate?",
          look: "On-demand price of the same nodes less what they cost. Nothing else is called a saving, and without both prices there is none.",
          unit: "currencyUSD",
          shown: "numbers",
          answers: ["B92", "B99"],
          queries: [
            {
              query: `sum(${leading("gpu_autoscaler_estimated_monthly_savings_usd")})`,
              legend: "saved",
            },
          ],
        },
        {
          title: "How much cheaper are the spot nodes?",
          look: "Of the on-demand price of the same nodes, over those of which both prices are known.",
          unit: "percentunit",
          answers: ["B90"],
          queries: [
            {
              query: `sum(${leading("gpu_autoscaler_spot_savings_percentage")}) / 100`,
              legend: "spot",
            },
          ],
        },
        {
          title: "How many nodes of each capacity type are paid?",
          look: "Ready nodes. Reserved ones are paid for whether they run or not.",
          unit: "short",
          answers: ["B106"],
          queries: [{ query: NODES, legend: "{{capacity_type}}" }],
        },
        {
          title: "How many GPUs are paid for and held by nobody?",
          look: "Healthy GPUs without a container. They are the next pods' and the idle window's; a number that stays is money.",
          unit: "short",
          queries: [
            {
              query: `sum(gpu_autoscaler_node_gpus{of="healthy"}) - sum(gpu_autoscaler_node_gpus{of="allocated"})`,
              legend: "held by nobody",
            },
          ],
        },
      ],
    },
    {
      title: "What was spent",
      panels: [
        {
          title: "What was spent in a day, by pool?",
          look: "Price times time, added up as time passes. Time without a known price is not in it, see below.",
          unit: "currencyUSD",
          queries: [
            {
              query: inADay("gpu_autoscaler_spend_usd_total", ["policy", "pool"]),
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
        {
          title: "Who held what was spent in a day?",
          look: "By namespace of the pods; (nobody) is what no pod held: idle, booting, and the free part of nodes.",
          unit: "currencyUSD",
          queries: [
            {
              query: inADay("gpu_autoscaler_spend_namespace_usd_total", ["namespace"]),
              legend: "{{namespace}}",
            },
          ],
        },
        {
          title: "For which label of pods was it spent in a day?",
          look: "By the labels in costLabels of the coordinator; (none) is pods without the label.",
          unit: "currencyUSD",
          shown: "table",
          queries: [
            { query: inADay("gpu_autoscaler_spend_label_usd_total", ["label", "value"]), legend: "" },
          ],
        },
        {
          title: "What was saved in a day against the on-demand price of the same hours?",
          look: "Of the hours of which both prices are known. Below zero it cost more than on demand.",
          unit: "currencyUSD",
          answers: ["B99"],
          queries: [
            {
              query: `${inADay("gpu_autoscaler_spend_compared_on_demand_usd_total", ["policy", "pool"])} - ${inADay("gpu_autoscaler_spend_compared_usd_total", ["policy", "pool"])}`,
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
        {
          title: "For how many node-hours of a day is the price unknown?",
          look: "They were paid for and are in no sum of USD. Anything above nothing makes each sum here too small.",
          unit: "short",
          queries: [
            {
              query: `${inADay("gpu_autoscaler_spend_unknown_node_seconds_total", ["policy", "pool"])} / 3600`,
              legend: "{{policy}}/{{pool}}",
            },
            {
              query: "sum(increase(gpu_autoscaler_spend_unobserved_seconds_total[1d])) / 3600",
              legend: "hours in which nobody looked",
            },
          ],
        },
      ],
    },
    {
      title: "What will be needed",
      panels: [
        {
          title: "How many GPUs will be wanted, and how many are wanted now?",
          look: "Of ten such forecasts nine come out at p90 or below, five at p50. Where p90 stays over what is there, more has to be bought or committed. No line: nothing is forecast.",
          unit: "short",
          answers: ["C53"],
          queries: [
            {
              query: `max by (policy, gpu_type) (${leading('gpu_autoscaler_forecast_gpus{quantile="0.9"}')})`,
              legend: "{{policy}} {{gpu_type}} p90",
            },
            {
              query: `max by (policy, gpu_type) (${leading('gpu_autoscaler_forecast_gpus{quantile="0.5"}')})`,
              legend: "{{policy}} {{gpu_type}} p50",
            },
            {
              query: `max by (policy, gpu_type) (${leading("gpu_autoscaler_demand_gpus")})`,
              legend: "{{policy}} {{gpu_type}} now",
            },
          ],
        },
        {
          title: "What is the most that a week was forecast to want?",
          look: "The highest p90 of seven days: what a commitment would have to hold, if this week is like those to come.",
          unit: "short",
          shown: "numbers",
          answers: ["C53"],
          queries: [
            {
              query:
                'max by (policy, gpu_type) (max_over_time(gpu_autoscaler_forecast_gpus{quantile="0.9"}[7d]))',
              legend: "{{policy}} {{gpu_type}}",
            },
          ],
        },
      ],
    },
    {
      title: "What is known of prices",
      panels: [
        {
          title: "What does one node of each pool cost, and who says so?",
          look: "source policy is what somebody wrote, catalogue what the table knew on the day that it names.",
          unit: "currencyUSD",
          shown: "table",
          queries: [
            {
              query: `sum by (policy, pool, capacity_type, source) ${PRICE}`,
              legend: "",
            },
          ],
        },
        {
          title: "Of which pools does nobody know the price?",
          look: "Nodes without a price. Under maxHourlyCostUsd such a pool does not grow. Write price into the policy, or name the instance type.",
          unit: "short",
          queries: [
            {
              query: `sum by (policy, pool) (${leading("gpu_autoscaler_price_unknown_nodes")})`,
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
        {
          title: "How old are the prices?",
          look: "Spot prices change within hours, others within months.",
          unit: "s",
          queries: [
            {
              query: `max by (policy, pool) (${leading("gpu_autoscaler_price_age_seconds")})`,
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
      ],
    },
  ],
};
