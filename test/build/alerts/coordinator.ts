// On which series the alerts of deploy/alerts/coordinator.ts fire, and near misses on which they have to stay silent.

import { FOLLOWER, LEADER, PAGES, always, led, minutes } from "./series.ts";
import type { AlertCase, Series } from "./series.ts";

const SIZE = "gpu_autoscaler_desired_node_count";
/** For half an hour 5, then up and down. */
const RESTLESS = `${minutes(5, 31)} 6 7 5 6 5+0x60`;
const MOVE = 'action="grow", capacity_type="spot"';
const moves = (success: boolean, values: string): Series => ({
  [`gpu_autoscaler_scaling_actions_total{instance="a", ${MOVE}, success="${success}"}`]: values,
});
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
        at: 40,
        series: led(SIZE, RESTLESS),
        labels: { instance: "a" },
        summary: "Sizes of groups change without a move of ours: something else seems to size them too",
      },
      {
        // We grow once, and something takes it back and brings it again.
        at: 40,
        series: { ...led(SIZE, RESTLESS), ...moves(true, "_x30 1+0x60") },
        labels: { instance: "a" },
        summary: "Sizes of groups change without a move of ours: something else seems to size them too",
      },
    ],
    silent: [
      {
        why: "each change is a move of ours",
        at: 40,
        series: { ...led(SIZE, RESTLESS), ...moves(true, `_x30 1 2 3 4 5+0x60`) },
      },
      { why: "the second change has just been seen", at: 32, series: led(SIZE, RESTLESS) },
      { why: "somebody set a size by hand", at: 40, series: led(SIZE, `${minutes(5, 31)} 6+0x60`) },
      {
        why: "the leader is new, and reads every size for the first time",
        at: 40,
        series: { [LEADER]: `${minutes(0, 30)} 1+0x60`, [`${SIZE}{instance="a"}`]: RESTLESS },
      },
      {
        why: "a size could not be read for a while",
        at: 40,
        series: {
          ...led(SIZE, `${minutes(10, 31)} 7 10 7 10+0x60`),
          [`gpu_autoscaler_decision_total{instance="a", ${POOL}, action="hold", reason="size-unknown"}`]: `${minutes(3, 31)} 4 4 5+0x60`,
        },
      },
    ],
  },
};
