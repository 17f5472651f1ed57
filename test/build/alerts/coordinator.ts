// On which series the alerts of deploy/alerts/coordinator.ts fire, and near misses on which they have to stay silent.

import { FOLLOWER, LEADER, PAGES, always, kept, led, minutes } from "./series.ts";
import type { AlertCase } from "./series.ts";

const RIVAL = "gpu_autoscaler_rival";
const POOL = 'policy="gpus", pool="spot-a"';

export const COORDINATOR_CASES: Readonly<Record<string, AlertCase>> = {
  GpuAutoscalerNoLeader: {
    fires: [
      {
        at: 5,
        series: { [LEADER]: always(0), [FOLLOWER]: always(0) },
        labels: {},
        summary: "No coordinator leads: nothing is scaled",
      },
      // None is scraped at all.
      { at: 5, series: { up: always(1) }, labels: {}, summary: "No coordinator leads: nothing is scaled" },
    ],
    silent: [
      { why: "one of two leads", at: 5, series: PAGES },
      {
        why: "another takes over within a minute",
        at: 10,
        series: { [LEADER]: `${minutes(1, 10)} 0+0x60`, [FOLLOWER]: `${minutes(0, 11)} 1+0x60` },
      },
    ],
  },
  GpuAutoscalerStandsStill: {
    fires: [
      {
        at: 5,
        series: led("gpu_autoscaler_last_reconcile_timestamp", always(0)),
        labels: {},
        summary: "The last cycle of the leading coordinator ended 5m 0s ago",
      },
    ],
    silent: [
      {
        why: "a cycle takes three minutes",
        at: 3,
        series: led("gpu_autoscaler_last_reconcile_timestamp", always(0)),
      },
      {
        why: "none leads, which is another alert",
        at: 30,
        series: { [LEADER]: always(0), 'gpu_autoscaler_last_reconcile_timestamp{instance="a"}': always(0) },
      },
    ],
  },
  GpuAutoscalerCyclesFail: {
    fires: [
      {
        at: 30,
        series: { 'gpu_autoscaler_reconcile_errors_total{instance="a"}': "0+1x120" },
        labels: {},
        summary: "Cycles of the coordinator that failed in 15 minutes: 15",
      },
    ],
    silent: [
      {
        why: "it has just begun",
        at: 16,
        series: { 'gpu_autoscaler_reconcile_errors_total{instance="a"}': `${minutes(0, 10)} 1 2 3 4 5+0x60` },
      },
      {
        why: "three failed and the next went well",
        at: 12,
        series: { 'gpu_autoscaler_reconcile_errors_total{instance="a"}': "0 0 0 1 2 3+0x60" },
      },
    ],
  },
  GpuAutoscalerNatsDown: {
    fires: [
      {
        at: 5,
        series: { 'gpu_autoscaler_nats_connected{instance="a"}': always(0) },
        labels: { instance: "a" },
        summary: "The coordinator a is not connected to NATS",
      },
    ],
    silent: [
      {
        why: "nats-server is started anew, which takes two minutes",
        at: 3,
        series: { 'gpu_autoscaler_nats_connected{instance="a"}': "1 0+0x60" },
      },
    ],
  },
  GpuAutoscalerLoginsRefused: {
    fires: [
      {
        at: 30,
        series: { 'gpu_autoscaler_nats_logins_total{instance="a", result="not-authentic"}': "0+1x60" },
        labels: { result: "not-authentic" },
        summary: "Logins at NATS that were refused in 15 minutes (not-authentic): 15",
      },
    ],
    silent: [
      {
        why: "a few tokens were over after a restart",
        at: 30,
        series: { 'gpu_autoscaler_nats_logins_total{instance="a", result="not-authentic"}': `_x20 4+0x60` },
      },
      {
        why: "it began a few minutes ago",
        at: 14,
        series: { 'gpu_autoscaler_nats_logins_total{instance="a", result="not-authentic"}': "0+1x60" },
      },
      {
        why: "agents may come as often as they like",
        at: 30,
        series: { 'gpu_autoscaler_nats_logins_total{instance="a", result="accepted"}': "0+50x60" },
      },
    ],
  },
  GpuAutoscalerRival: {
    fires: [
      {
        at: 5,
        series: led(RIVAL, "_x2 1+0x60", `${POOL}, rival="cluster-autoscaler"`),
        labels: { policy: "gpus", pool: "spot-a", rival: "cluster-autoscaler" },
        summary: "Something else sizes the group of gpus/spot-a (cluster-autoscaler): the pool waits for it",
      },
    ],
    silent: [
      {
        why: "it has just been seen",
        at: 2,
        series: led(RIVAL, "_x2 1+0x60", `${POOL}, rival="karpenter"`),
      },
      { why: "it is only told of", at: 30, series: led(RIVAL, always(0), `${POOL}, rival="az-rebalance"`) },
      { why: "it has gone", at: 30, series: led(RIVAL, "1+0x10 stale", `${POOL}, rival="karpenter"`) },
      {
        why: "a replica has seen it when it led",
        at: 30,
        series: kept(RIVAL, 1, `${POOL}, rival="karpenter"`),
      },
    ],
  },
};
