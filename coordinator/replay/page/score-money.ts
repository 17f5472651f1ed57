// The rows of a score that count money: what was paid, for what, against which prices.

import type { ScoreRow } from "./score-row.ts";
import { share } from "./score-row.ts";

export const MONEY: readonly ScoreRow[] = [
  {
    id: "usd",
    group: "Money",
    label: "Cost of nodes",
    unit: "usd",
    counts: "Every second that a node is paid for, from its order to its end, at its price of that moment.",
    of: (score) => score.usd,
    better: "less",
  },
  {
    id: "usd_at_on_demand",
    group: "Money",
    label: "The same hours on-demand",
    unit: "usd",
    counts: "The very same node-hours at the on-demand price of their moment: no fewer nodes, another price.",
    of: (score) => score.usdAtOnDemand,
    better: null,
  },
  {
    id: "saved_share",
    group: "Money",
    label: "Saved by the price alone",
    unit: "share",
    counts: "How much less than those on-demand hours; what fewer hours save is not in it.",
    of: ({ usd, usdAtOnDemand }) =>
      usd === null
        ? null
        : share(
            orNull(usdAtOnDemand, (all) => all - usd),
            usdAtOnDemand,
          ),
    better: "more",
  },
  {
    id: "usd_bound",
    group: "Money",
    label: "Least it could have cost",
    unit: "usd",
    counts:
      "The work at the cheapest price that could be had at each moment, with no start, idle time or loss. Nobody can reach it.",
    of: (score) => score.usdBound,
    better: null,
  },
  {
    id: "usd_idle",
    group: "Money",
    label: "Paid for idle GPUs",
    unit: "usd",
    counts: "The part of the cost that stood ready and unused.",
    of: (score) => score.usdByState.idle,
    better: "less",
  },
  {
    id: "usd_booting",
    group: "Money",
    label: "Paid while nodes start",
    unit: "usd",
    counts: "The part of the cost from a node's order until it takes work.",
    of: (score) => score.usdByState.booting,
    better: "less",
  },
  {
    id: "usd_draining",
    group: "Money",
    label: "Paid while nodes are emptied",
    unit: "usd",
    counts: "The part of the cost on nodes that take no new work and are on their way out.",
    of: (score) => score.usdByState.draining,
    better: "less",
  },
  {
    id: "unknown_node_hours",
    group: "Money",
    label: "Node-hours without a price",
    unit: "hours",
    counts: "Hours for which the price list has nothing; with any, the cost as a whole is unknown.",
    of: (score) => score.unknownNodeHours,
    better: "less",
  },
];

function orNull(value: number | null, then: (value: number) => number): number | null {
  return value === null ? null : then(value);
}
