// Of the dashboard of agents: each GPU's use, memory, heat and faults. Memory in use is used ÷ (used + free); how busy the
// memory interface is, is another question.

import { counted } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

const NODE = 'node=~"$node"';
const GPU_LEGEND = "{{node}} {{gpu}}";

export const GPUS: Dashboard["sections"][number] = {
  title: "GPUs",
  panels: [
    {
      title: "How busy is each GPU?",
      look: "Share of time in which a kernel ran. A GPU that is cut into instances has no line: it cannot say; see its instances.",
      unit: "percentunit",
      answers: ["B104"],
      queries: [
        {
          query: `max by (node, gpu) (gpu_autoscaler_gpu_utilization_ratio{${NODE}, model=~"$model"})`,
          legend: GPU_LEGEND,
        },
      ],
    },
    {
      title: "How busy is each MIG instance?",
      look: "Share of time in which its multiprocessors held work, from the GPU's own counters (Hopper and newer).",
      unit: "percentunit",
      queries: [
        {
          query: `max by (node, gpu, profile, mig_uuid) (gpu_autoscaler_mig_gpm_sm_active_ratio{${NODE}, model=~"$model"})`,
          legend: "{{node}} {{gpu}} {{profile}} {{mig_uuid}}",
        },
      ],
    },
    {
      title: "How full is each GPU's memory?",
      look: "Used of used and free. Some frameworks take nearly all of it at their start and use it later: full is not busy.",
      unit: "percentunit",
      answers: ["D16", "A54"],
      queries: [
        {
          query: `max by (node, gpu) (gpu_autoscaler_gpu_memory_used_bytes{${NODE}, model=~"$model"} / (gpu_autoscaler_gpu_memory_used_bytes + gpu_autoscaler_gpu_memory_free_bytes))`,
          legend: GPU_LEGEND,
        },
      ],
    },
    {
      title: "How busy is each GPU's memory interface?",
      look: "Share of time in which memory was read or written. It says nothing about how full the memory is.",
      unit: "percentunit",
      answers: ["A49"],
      queries: [
        {
          query: `max by (node, gpu) (gpu_autoscaler_gpu_memory_interface_utilization_ratio{${NODE}, model=~"$model"})`,
          legend: GPU_LEGEND,
        },
      ],
    },
    {
      title: "How warm is each GPU?",
      look: "The core. What matters is the margin to lowered clocks, which differs by card: see what holds the clocks down.",
      unit: "celsius",
      queries: [
        {
          query: `max by (node, gpu) (gpu_autoscaler_gpu_temperature_celsius{${NODE}, model=~"$model"})`,
          legend: GPU_LEGEND,
        },
      ],
    },
    {
      title: "How much power does each GPU draw?",
      look: "A busy GPU far below its limit waits for data.",
      unit: "watt",
      queries: [
        {
          query: `max by (node, gpu) (gpu_autoscaler_gpu_power_watts{${NODE}, model=~"$model"})`,
          legend: GPU_LEGEND,
        },
      ],
    },
    {
      title: "What holds the clocks down?",
      look: "GPUs by reason, idleness left out. hw_thermal, hw_slowdown and hw_power_brake are the machine's trouble and not the work's.",
      unit: "short",
      queries: [
        {
          query: `sum by (reason) (gpu_autoscaler_gpu_clock_event_active{${NODE}, model=~"$model", reason!="idle"})`,
          legend: "{{reason}}",
        },
      ],
    },
    {
      title: "Which faults did the driver tell of?",
      look: "XIDs. Those of class application are a program's own fault; fatal ones make the GPU unfit.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (node, xid, class) (${counted(`gpu_autoscaler_gpu_xid_errors_total{${NODE}}`, "$__interval")})`,
          legend: "{{node}}: {{xid}} ({{class}})",
        },
      ],
    },
    {
      title: "Which verdicts stand now?",
      look: "Each rule that has something to say of a GPU or a node, and how bad it is. agent/README.md has the rules.",
      unit: "short",
      shown: "table",
      queries: [
        { query: `max by (node, gpu, level, rule) (gpu_autoscaler_gpu_health{${NODE}})`, legend: "" },
      ],
    },
    {
      title: "Do memory errors come more often?",
      look: "Uncorrected errors lose data: the GPU is to be reset, and replaced when they come again. Corrected ones are a sign only in number.",
      unit: "short",
      queries: [
        {
          query: `sum by (node, gpu) (increase(gpu_autoscaler_gpu_ecc_volatile_uncorrected_total{${NODE}, model=~"$model"}[1h]))`,
          legend: `${GPU_LEGEND} uncorrected`,
        },
        {
          query: `sum by (node, gpu) (increase(gpu_autoscaler_gpu_ecc_volatile_corrected_total{${NODE}, model=~"$model"}[1h]))`,
          legend: `${GPU_LEGEND} corrected`,
        },
      ],
    },
  ],
};
