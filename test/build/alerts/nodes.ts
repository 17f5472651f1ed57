// On which series the alerts of deploy/alerts/nodes.ts fire, and near misses on which they have to stay silent.

import { ON_NODE, TARGET, always, kept, led, minutes } from "./series.ts";
import type { AlertCase, Series } from "./series.ts";

const STOCK =
  'cloud="aws", region="us-west-2", zone="us-west-2a", zone_id="usw2-az1", instance_type="p4d.24xlarge"';
const OF_STOCK = { cloud: "aws", region: "us-west-2", zone: "us-west-2a", instance_type: "p4d.24xlarge" };
const often = (rate: number, seen: number): Series => ({
  ...led("gpu_autoscaler_spot_interruptions_per_node_day", always(rate), STOCK),
  ...led("gpu_autoscaler_spot_node_days_seen", always(seen), STOCK),
});
const UNFINISHED = `gpu_autoscaler_drains_unfinished_total{${TARGET}, cause="notice"}`;
const drill = (node: number, values: string, source = "drill"): Series => ({
  [`gpu_autoscaler_spot_notice_total{instance="10.0.0.${node}:9402", node="gpu-${node}", source="${source}"}`]:
    values,
});

export const NODES_CASES: Readonly<Record<string, AlertCase>> = {
  GpuAutoscalerAgentSilent: {
    fires: [
      {
        at: 10,
        series: { [`up{job="gpu-autoscaler-agent", ${TARGET}}`]: always(0) },
        labels: ON_NODE,
        summary: "The agent of gpu-7 does not answer",
      },
      {
        // As a PodMonitor names its job, and without a label that says the node.
        at: 10,
        series: { 'up{job="gpu/gpu-autoscaler-agent", instance="10.0.0.1:9402"}': always(0) },
        labels: { instance: "10.0.0.1:9402" },
        summary: "The agent of 10.0.0.1:9402 does not answer",
      },
    ],
    silent: [
      {
        why: "it is started anew, which takes three minutes",
        at: 5,
        series: { [`up{job="gpu-autoscaler-agent", ${TARGET}}`]: "1 1 0+0x60" },
      },
      {
        why: "its node has left, and the target with it",
        at: 10,
        series: { [`up{job="gpu-autoscaler-agent", ${TARGET}}`]: "1 1 0 0 stale" },
      },
      {
        why: "it is somebody else's target",
        at: 10,
        series: { 'up{job="node-exporter", instance="10.0.0.1:9100"}': always(0) },
      },
    ],
  },
  GpuAutoscalerAgentCannotRead: {
    fires: [
      {
        at: 15,
        series: { [`gpu_autoscaler_agent_gpu_source{${TARGET}, state="hung"}`]: always(1) },
        labels: { ...ON_NODE, state: "hung" },
        summary: "The agent of gpu-7 cannot read GPUs: hung",
      },
    ],
    silent: [
      {
        why: "the driver takes eight minutes to come",
        at: 8,
        series: { [`gpu_autoscaler_agent_gpu_source{${TARGET}, state="library-missing"}`]: always(1) },
      },
      {
        why: "it is ready",
        at: 15,
        series: { [`gpu_autoscaler_agent_gpu_source{${TARGET}, state="ready"}`]: always(1) },
      },
    ],
  },
  GpuAutoscalerNoticesUnheard: {
    fires: [
      {
        at: 10,
        series: { [`gpu_autoscaler_metadata_up{${TARGET}, source="aws"}`]: always(0) },
        labels: { ...ON_NODE, source: "aws" },
        summary: "The agent of gpu-7 cannot hear the notices of aws",
      },
    ],
    silent: [
      {
        why: "it has not answered for three minutes",
        at: 5,
        series: { [`gpu_autoscaler_metadata_up{${TARGET}, source="aws"}`]: "1 1 0+0x60" },
      },
    ],
  },
  GpuAutoscalerDrainMissedDeadline: {
    fires: [
      {
        // The counter is born with the event, and two minutes later the machine is gone.
        at: 20,
        series: { [UNFINISHED]: "_x9 1 1 stale" },
        labels: { ...ON_NODE, cause: "notice" },
        summary: "A drain of gpu-7 missed its deadline (cause: notice)",
      },
      {
        at: 50,
        series: { [UNFINISHED]: `${minutes(2, 45)} 3+0x60` },
        labels: { ...ON_NODE, cause: "notice" },
        summary: "A drain of gpu-7 missed its deadline (cause: notice)",
      },
    ],
    silent: [
      { why: "it was more than half an hour ago", at: 60, series: { [UNFINISHED]: "_x9 1+0x100" } },
      { why: "the machine left half an hour ago", at: 60, series: { [UNFINISHED]: "_x9 1 1 stale" } },
      { why: "no drain has missed one", at: 20, series: { [UNFINISHED]: always(0) } },
    ],
  },
  GpuAutoscalerInterruptionsOften: {
    fires: [
      {
        at: 40,
        series: often(1.5, 4),
        labels: OF_STOCK,
        summary: "A spot node of p4d.24xlarge us-west-2a is interrupted 1.5 times a day",
      },
    ],
    silent: [
      { why: "too little was seen", at: 40, series: often(6, 0.8) },
      { why: "it is less than once a day", at: 40, series: often(0.9, 20) },
      { why: "it has been so for twenty minutes", at: 20, series: often(1.5, 4) },
      {
        why: "it was so when the other led",
        at: 40,
        series: {
          ...kept("gpu_autoscaler_spot_interruptions_per_node_day", 1.5, STOCK),
          ...kept("gpu_autoscaler_spot_node_days_seen", 4, STOCK),
        },
      },
    ],
  },
  GpuAutoscalerSeveralDrills: {
    fires: [
      {
        at: 20,
        series: { ...drill(7, "_x9 1+0x60"), ...drill(8, "_x14 1+0x60") },
        labels: {},
        summary: "Nodes that began a drill within 15 minutes: 2",
      },
    ],
    silent: [
      { why: "it is one node", at: 20, series: drill(7, "_x9 1 1 2+0x60") },
      {
        why: "half an hour lies between them",
        at: 50,
        series: { ...drill(7, "_x9 1+0x60"), ...drill(8, "_x44 1+0x60") },
      },
      {
        why: "the cloud takes two nodes",
        at: 20,
        series: { ...drill(7, "_x9 1+0x60", "aws"), ...drill(8, "_x14 1+0x60", "aws") },
      },
    ],
  },
  GpuAutoscalerDrillRefused: {
    fires: [
      {
        at: 5,
        series: led("gpu_autoscaler_drills_refused", always(1)),
        labels: {},
        summary: "Nodes that refuse the drill that somebody asked them for: 1",
      },
    ],
    silent: [
      { why: "none does", at: 5, series: led("gpu_autoscaler_drills_refused", always(0)) },
      { why: "it was refused this moment", at: 0, series: led("gpu_autoscaler_drills_refused", always(1)) },
      { why: "one did when the other led", at: 5, series: kept("gpu_autoscaler_drills_refused", 1) },
    ],
  },
};
