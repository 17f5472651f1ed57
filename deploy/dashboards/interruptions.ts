// Notices, hints, drains and drills: how often spot is taken, whether it is heard in time, and what became of the pods.

import { counted, leading } from "../promql/words.ts";
import { DRAINS } from "./drain-panels.ts";
import type { Dashboard } from "./panel.ts";

const STOCK = ["cloud", "region", "zone", "instance_type"].join(", ");
const STOCK_LEGEND = "{{instance_type}} {{zone}}";

export const INTERRUPTIONS: Dashboard = {
  name: "interruptions",
  about:
    "Spot interruptions and drains, for whoever decides how much to run on spot. Needs both programs' pages.",
  variables: [],
  sections: [
    {
      title: "How often",
      panels: [
        {
          title: "How often is a spot node interrupted?",
          look: "Interruptions of one node in a day, measured over the last weeks. 1 means that a node lives for a day; work is best saved more often than that. A type or zone that stands out is one to leave.",
          unit: "none",
          answers: ["B101", "B105"],
          queries: [
            {
              query: `max by (${STOCK}) (${leading("gpu_autoscaler_spot_interruptions_per_node_day")})`,
              legend: STOCK_LEGEND,
            },
          ],
        },
        {
          title: "On how much does that rate rest?",
          look: "Days of nodes that were seen, fading by half in a week. Below 3 the rate is hardly more than a guess.",
          unit: "none",
          queries: [
            {
              query: `max by (${STOCK}) (${leading("gpu_autoscaler_spot_node_days_seen")})`,
              legend: STOCK_LEGEND,
            },
          ],
        },
        {
          title: "Which notices stand now?",
          look: "Nodes that go, drills included, and nodes of which their cloud says that they may go or that their host is worked on.",
          unit: "short",
          queries: [
            {
              query: `max(${leading("gpu_autoscaler_spot_termination_warnings")})`,
              legend: "notice or drill",
            },
            {
              query: `max by (kind) (${leading("gpu_autoscaler_interruption_hints")})`,
              legend: "hint: {{kind}}",
            },
          ],
        },
        {
          title: "What was heard, and from whom?",
          look: "Notices that agents acted on, hints, and interruptions that the coordinator counted. Notices that agents count and the coordinator does not are of on-demand nodes, or lost on the way.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (source) (${counted("gpu_autoscaler_spot_notice_total", "$__interval")})`,
              legend: "notice: {{source}}",
            },
            {
              query: `sum by (source, kind) (${counted("gpu_autoscaler_interruption_hints_total", "$__interval")})`,
              legend: "hint: {{source}} {{kind}}",
            },
            {
              query: `sum(increase(gpu_autoscaler_spot_interruptions_total[$__rate_interval]))`,
              legend: "counted by the coordinator",
            },
          ],
        },
        {
          title: "Can every agent hear its cloud?",
          look: "Agents whose metadata service answers or does not, by cloud. Where it does not, a notice comes as a surprise. An agent without a line has no such service.",
          unit: "short",
          queries: [
            { query: `sum by (source) (gpu_autoscaler_metadata_up)`, legend: "{{source}} answers" },
            { query: `count by (source) (gpu_autoscaler_metadata_up == 0)`, legend: "{{source}} is silent" },
          ],
        },
        {
          title: "Do requests to the metadata service fail?",
          look: "Some failures pass by themselves, as at the start of a machine; a rate that stays is a firewall or a hop limit.",
          unit: "reqps",
          queries: [
            {
              query: `sum by (source) (rate(gpu_autoscaler_metadata_requests_total{outcome="failed"}[$__rate_interval]))`,
              legend: "{{source}}",
            },
          ],
        },
      ],
    },
    DRAINS,
    {
      title: "Drills",
      panels: [
        {
          title: "Is a drill refused?",
          look: "Another one runs, it would be over a tenth of the pool, or the policy has drills: Disabled. The node's drain-state says which.",
          unit: "short",
          queries: [{ query: `max(${leading("gpu_autoscaler_drills_refused")})`, legend: "nodes" }],
        },
        {
          title: "Which drills had no effect?",
          look: "Annotations, or changes of them, that agents ignored, by the reason.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (reason) (${counted("gpu_autoscaler_drills_ignored_total", "$__interval")})`,
              legend: "{{reason}}",
            },
          ],
        },
      ],
    },
  ],
};
