// What the fleet costs, as far as prices are known. A sum over a price that nobody knows is not shown: unknown is not
// zero. Nothing here is multiplied by a price that belongs to another node.

import { leading } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

const TIER = "on (policy, pool) group_left (capacity_type)";
const INFO = leading("gpu_autoscaler_pool_info");
const PRICE = `(${leading("gpu_autoscaler_node_price_usd_per_hour")} * ${TIER} ${INFO})`;
const NODES = `sum by (capacity_type) (${leading("gpu_autoscaler_node_count")})`;
/** Tiers of which nodes have no price: there is no bound. */
const WITHOUT_PRICE = `sum by (capacity_type) (${leading("gpu_autoscaler_price_unknown_nodes")} * ${TIER} ${INFO}) > 0`;

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
          look: "Price of each node, here or on its way, added up. A gap: the price of one node is not known, and a sum without it would be a lie.",
          unit: "currencyUSD",
          answers: ["E48"],
          queries: [
            {
              query: `sum by (policy) (${leading("gpu_autoscaler_fleet_cost_usd_per_hour")})`,
              legend: "{{policy}}",
            },
          ],
        },
        {
          title: "What do the nodes of each capacity type cost an hour?",
          look: "Between these two: all Ready nodes of the type at its cheapest pool's price, and at its dearest. Where the type has one price both lines are one.",
          unit: "currencyUSD",
          answers: ["B106"],
          queries: [
            {
              query: `${NODES} * min by (capacity_type) ${PRICE} unless on (capacity_type) ${WITHOUT_PRICE}`,
              legend: "{{capacity_type}} at least",
            },
            {
              query: `${NODES} * max by (capacity_type) ${PRICE} unless on (capacity_type) ${WITHOUT_PRICE}`,
              legend: "{{capacity_type}} at most",
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
