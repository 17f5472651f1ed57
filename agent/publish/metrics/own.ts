// What the agent counts about itself: its table, and what of it follows from a cycle or is set anew at a scrape. What
// the GPUs say is not here: their families follow from the table of readings.

import { kindOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuSource, GpuSourceState } from "../../../shared/model/gpu.ts";
import { SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { defineMetrics } from "../../../shared/runtime/metrics.ts";
import type { Metrics } from "../../../shared/runtime/metrics.ts";
import type { Shown } from "./shown.ts";

export const AGENT_METRICS = defineMetrics({
  gpu_autoscaler_agent_gpu_source: {
    type: "gauge",
    help: "1 for the state that the source of GPU readings is in, 0 for the others",
    labels: {
      state: "starting, ready, library-missing, driver-not-loaded, no-device, hung or failed",
    },
  },
  gpu_autoscaler_agent_sample_age_seconds: {
    type: "gauge",
    help: "Age of the newest GPU readings",
    labels: {},
  },
  gpu_autoscaler_agent_cycle_delay_seconds: {
    type: "histogram",
    help: "From the beginning of a reading of all GPUs to the agent having what was read; grows with slow driver calls and when the agent is too busy",
    labels: {},
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },
  gpu_autoscaler_nvml_errors_total: {
    type: "counter",
    help: "Readings without a value because the call had failed, counted in each cycle, by the driver's return code",
    labels: { code: "nvmlReturn_t" },
  },
  gpu_autoscaler_reports_sent_total: { type: "counter", help: "GPU reports handed to NATS", labels: {} },
  gpu_autoscaler_reports_dropped_total: {
    type: "counter",
    help: "GPU reports not sent because NATS was away; the next one says more",
    labels: {},
  },
  gpu_autoscaler_events_stored_total: {
    type: "counter",
    help: "Notices, drain reports and health messages that the stream has stored",
    labels: { kind: "notice, drain or health" },
  },
  gpu_autoscaler_events_dropped_total: {
    type: "counter",
    help: "Notices, drain reports and health messages given up because too many waited for NATS",
    labels: { kind: "notice, drain or health" },
  },
  gpu_autoscaler_events_waiting: {
    type: "gauge",
    help: "Notices, drain reports and health messages that the stream does not have yet",
    labels: {},
  },
  gpu_autoscaler_spot_notice_total: {
    type: "counter",
    help: "Interruption notices acted on by this agent",
    labels: { source: "drill, aws, gcp, azure or generic" },
  },
  gpu_autoscaler_notice_to_cordon_seconds: {
    type: "histogram",
    help: "From a notice or request to the node carrying cordon and taint",
    labels: {},
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  gpu_autoscaler_drain_seconds: {
    type: "histogram",
    help: "From a notice or request to the last evictable pod being gone",
    labels: { cause: "notice or request" },
    buckets: [1, 2.5, 5, 10, 15, 30, 60, 90, 120, 300, 600],
  },
  gpu_autoscaler_drain_pods_total: {
    type: "counter",
    help: "Pods of drains on this node",
    labels: {
      class: "low, medium, high or system",
      outcome:
        "evicted (accepted by the API server), forced (deleted past its budgets), left (ended by itself), kept (left where it is) or remaining (there at the deadline)",
    },
  },
  gpu_autoscaler_drain_requests_total: {
    type: "counter",
    help: "Voluntary drains asked for by the coordinator",
    labels: { answer: "accepted or refused" },
  },
  gpu_autoscaler_drills_ignored_total: {
    type: "counter",
    help: "Drill annotations, or changes of them, that had no effect",
    labels: {
      reason:
        "unparsable-time, time-past, later-time, drills-disabled, foreign-source, another-drill, share-of-pool, policy-disabled or cannot-look",
    },
  },
  gpu_autoscaler_drains_unfinished_total: {
    type: "counter",
    help: "Drains whose deadline came before the last pod had left",
    labels: { cause: "notice or request" },
  },
  gpu_autoscaler_interruptions_survived_total: {
    type: "counter",
    help: "Interruptions after whose announced end the machine still ran for a minute",
    labels: { source: "aws, gcp, azure or generic" },
  },
  gpu_autoscaler_interruption_hints_total: {
    type: "counter",
    help: "Hints that the machine may be taken soon, and announcements of maintenance",
    labels: { source: "aws, gcp, azure or generic", kind: "rebalance or maintenance" },
  },
  gpu_autoscaler_checkpoint_seconds: {
    type: "histogram",
    help: "From the call to save to a pod's answer",
    labels: { result: "saved, no-hook, failed, late or refused" },
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90, 120],
  },
  gpu_autoscaler_peer_words_total: {
    type: "counter",
    help: "Words of the coordinator that a gang of pods on this node loses another node",
    labels: { outcome: "told (pods here were called), nobody (none of them wants to be) or refused" },
  },
  gpu_autoscaler_metadata_requests_total: {
    type: "counter",
    help: "Requests to the cloud's metadata service",
    labels: { source: "aws, gcp, azure or generic", outcome: "answered or failed" },
  },
  gpu_autoscaler_metadata_up: {
    type: "gauge",
    help: "1 while the metadata service that tells of the machine's end answers, 0 while it does not; absent where there is none",
    labels: { source: "aws, gcp, azure or generic" },
  },
  gpu_autoscaler_watch_trouble_total: {
    type: "counter",
    help: "Breaks of the watches on this node and its pods, each followed by a new attempt",
    labels: { resource: "nodes or pods", kind: "What went wrong, by error kind" },
  },
});

export type AgentMetrics = Metrics<typeof AGENT_METRICS>;

const SOURCE_STATES: readonly GpuSourceState[] = [
  "starting",
  "ready",
  "library-missing",
  "driver-not-loaded",
  "no-device",
  "hung",
  "failed",
];

/** Counts what a cycle brought: the readings that failed, and how late it came. `now` is by the cycle's own clock. */
export function countCycle(metrics: AgentMetrics, cycle: GpuCycle, now: EpochMs): void {
  metrics.observe("gpu_autoscaler_agent_cycle_delay_seconds", {}, Math.max(0, now - cycle.at) / 1000);
  const failed = new Map<number, number>();
  const count = ({ codes }: GpuReadings): void => {
    for (const code of codes)
      if (code !== SUCCESS && kindOf(code) === "failed") failed.set(code, (failed.get(code) ?? 0) + 1);
  };
  for (const { readings, instances } of cycle.samples) {
    count(readings);
    for (const instance of instances) count(instance.readings);
  }
  for (const [code, times] of failed)
    metrics.inc("gpu_autoscaler_nvml_errors_total", { code: String(code) }, times);
}

/** Sets the gauges that say how things stand at a scrape. */
export function fillOwn(metrics: AgentMetrics, shown: Shown): void {
  metrics.setAll("gpu_autoscaler_agent_gpu_source", sourceSeries(shown.seen.source));
  if (shown.sampleAgeMs !== null)
    metrics.set("gpu_autoscaler_agent_sample_age_seconds", {}, shown.sampleAgeMs / 1000);
  metrics.set("gpu_autoscaler_events_waiting", {}, shown.eventsWaiting);
  metrics.setAll("gpu_autoscaler_metadata_up", metadataSeries(shown));
}

/** Before the first answer nobody knows, and where there is no cloud nothing can be up. */
function metadataSeries({
  metadata: state,
  cloud,
}: Pick<Shown, "metadata" | "cloud">): readonly { labels: { source: string }; value: number }[] {
  if (cloud === null || (state !== "up" && state !== "down")) return [];
  return [{ labels: { source: cloud }, value: state === "up" ? 1 : 0 }];
}

function sourceSeries(source: GpuSource): readonly { labels: { state: string }; value: number }[] {
  return SOURCE_STATES.map((state) => ({ labels: { state }, value: state === source.state ? 1 : 0 }));
}
