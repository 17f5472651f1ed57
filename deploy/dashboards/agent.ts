// The agents and what they read: whether they read at all and whether it reaches the coordinator, and then each GPU.

import { counted, quantile } from "../promql/words.ts";
import { GPUS } from "./gpu-panels.ts";
import type { Dashboard } from "./panel.ts";

const NODE = 'node=~"$node"';

export const AGENT: Dashboard = {
  name: "agent",
  about:
    "Agents and GPUs, for whoever looks at a node. Needs the agents' pages with the family native, which is on unless switched off.",
  variables: [
    { kind: "label", name: "node", of: "gpu_autoscaler_node_gpu_health", label: "node" },
    {
      kind: "label",
      name: "model",
      of: 'gpu_autoscaler_gpu_memory_total_bytes{node=~"$node"}',
      label: "model",
    },
  ],
  sections: [
    {
      title: "Agents",
      panels: [
        {
          title: "Can every agent read its GPUs?",
          look: "Agents by the state of their source. Anything but ready for longer than a start is a node of which nothing is known.",
          unit: "short",
          queries: [
            { query: `sum by (state) (gpu_autoscaler_agent_gpu_source{${NODE}})`, legend: "{{state}}" },
          ],
        },
        {
          title: "Whose readings are old?",
          look: "The ten oldest. Readings come each second unless set otherwise; from 15 s on no decision uses them.",
          unit: "s",
          queries: [
            {
              query: `topk(10, max by (node, instance) (gpu_autoscaler_agent_sample_age_seconds{${NODE}}))`,
              legend: "{{node}} {{instance}}",
            },
          ],
        },
        {
          title: "How long does a reading of all GPUs take?",
          look: "99 of 100 readings. It grows with slow driver calls and when the agent gets too little processor.",
          unit: "s",
          queries: [
            {
              query: quantile(0.99, `gpu_autoscaler_agent_cycle_delay_seconds{${NODE}}`, "$__rate_interval"),
              legend: "99 of 100",
            },
          ],
        },
        {
          title: "Which driver calls fail?",
          look: "Readings without a value because the call had failed, by NVML's return code. 15 is a GPU that is lost.",
          unit: "reqps",
          queries: [
            {
              query: `sum by (node, code) (rate(gpu_autoscaler_nvml_errors_total{${NODE}}[$__rate_interval]))`,
              legend: "{{node}}: {{code}}",
            },
          ],
        },
        {
          title: "Do reports and events get out?",
          look: "dropped: NATS was away, the next report says more. waiting: notices and drains that the stream does not have yet; they are kept and sent later.",
          unit: "short",
          queries: [
            {
              query: `sum(rate(gpu_autoscaler_reports_sent_total{${NODE}}[$__rate_interval]))`,
              legend: "reports a second",
            },
            {
              query: `sum(rate(gpu_autoscaler_reports_dropped_total{${NODE}}[$__rate_interval]))`,
              legend: "dropped a second",
            },
            { query: `sum(gpu_autoscaler_events_waiting{${NODE}})`, legend: "events waiting" },
            {
              query: `sum(${counted(`gpu_autoscaler_events_dropped_total{${NODE}}`, "$__interval")})`,
              legend: "events given up",
            },
          ],
        },
        {
          title: "How late do reports arrive?",
          look: "99 of 100, with the difference of the clocks in it. Seconds are a queue, or a node whose clock is wrong.",
          unit: "s",
          queries: [
            {
              query: quantile(0.99, "gpu_autoscaler_report_age_seconds", "$__rate_interval"),
              legend: "99 of 100",
            },
          ],
        },
        {
          title: "Do the agents' watches hold?",
          look: "Breaks, each followed by a new attempt. A restart of the API server breaks all of them once.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (resource, kind) (${counted(`gpu_autoscaler_watch_trouble_total{${NODE}}`, "$__interval")})`,
              legend: "{{resource}}: {{kind}}",
            },
          ],
        },
        {
          title: "Which readings have no value?",
          look: "By reading and why: unsupported is the card's nature, failed is a call, pending has not been asked yet, lost has left the bus.",
          unit: "short",
          shown: "table",
          queries: [
            {
              query: `sum by (field, state) (gpu_autoscaler_gpu_reading_state{${NODE}, state!="unsupported"})`,
              legend: "",
            },
          ],
        },
      ],
    },
    GPUS,
  ],
};
