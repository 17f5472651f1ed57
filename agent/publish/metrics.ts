// The agent's metrics: their table, and the filling of the GPU gauges from what is known already. A reading that
// is not a value has no series; what it is instead stands in gpu_reading_state. Filling happens when somebody
// scrapes and calls no driver.

import { readingOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuSample, GpuSource, GpuSourceState } from "../../shared/model/gpu.ts";
import type { Millis } from "../../shared/model/units.ts";
import { defineMetrics } from "../../shared/runtime/metrics.ts";
import type { Metrics } from "../../shared/runtime/metrics.ts";
import type { Seen } from "../assess/view.ts";

const GPU = {
  node: "Name of the node",
  gpu: "Index of the GPU on its node",
  uuid: "The GPU's UUID, stable over restarts",
  model: "Product name as the driver gives it; empty when it does not",
};

export const AGENT_METRICS = defineMetrics({
  gpu_utilization_percent: {
    type: "gauge",
    help: "Share of the driver's last sampling window in which a kernel ran, in percent",
    labels: GPU,
  },
  gpu_memory_usage_mb: { type: "gauge", help: "GPU memory in use, in MiB", labels: GPU },
  gpu_memory_total_mb: { type: "gauge", help: "GPU memory in all, in MiB", labels: GPU },
  gpu_temperature_celsius: { type: "gauge", help: "Temperature of the GPU core", labels: GPU },
  gpu_power_watts: { type: "gauge", help: "Power drawn by the GPU board", labels: GPU },
  gpu_autoscaler_gpu_utilization_ratio: {
    type: "gauge",
    help: "Share of the driver's last sampling window in which a kernel ran, 0 to 1",
    labels: GPU,
  },
  gpu_autoscaler_gpu_memory_used_bytes: { type: "gauge", help: "GPU memory in use", labels: GPU },
  gpu_autoscaler_gpu_memory_total_bytes: { type: "gauge", help: "GPU memory in all", labels: GPU },
  gpu_autoscaler_gpu_reading_state: {
    type: "gauge",
    help: "1 for each reading that has no value now, with what it is instead",
    labels: {
      node: GPU.node,
      gpu: GPU.gpu,
      uuid: GPU.uuid,
      field: "utilization, memory_used, memory_total, temperature or power",
      state: "unsupported (the card cannot tell), failed (the call did) or lost (the card has left the bus)",
    },
  },
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
  gpu_autoscaler_nvml_errors_total: {
    type: "counter",
    help: "Readings that failed, by the driver's return code",
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
    help: "Notices and drain reports that the stream has stored",
    labels: { kind: "notice or drain" },
  },
  gpu_autoscaler_events_dropped_total: {
    type: "counter",
    help: "Notices and drain reports given up because too many waited for NATS",
    labels: { kind: "notice or drain" },
  },
  gpu_autoscaler_events_waiting: {
    type: "gauge",
    help: "Notices and drain reports that the stream does not have yet",
    labels: {},
  },
  gpu_autoscaler_spot_notice_total: {
    type: "counter",
    help: "Interruption notices acted on by this agent",
    labels: { source: "drill, aws, gcp or azure" },
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
        "evicted (accepted by the API server), left (ended by itself) or remaining (there at the deadline)",
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
    labels: { reason: "unparsable-time, time-past, later-time, drills-disabled or foreign-source" },
  },
  gpu_autoscaler_watch_trouble_total: {
    type: "counter",
    help: "Breaks of the watches on this node and its pods, each followed by a new attempt",
    labels: { resource: "nodes or pods", kind: "What went wrong, by error kind" },
  },
});

export type AgentMetrics = Metrics<typeof AGENT_METRICS>;

const MIB = 1024 * 1024;
const SOURCE_STATES: readonly GpuSourceState[] = [
  "starting",
  "ready",
  "library-missing",
  "driver-not-loaded",
  "no-device",
  "hung",
  "failed",
];

/** What a scrape shows of the GPUs. `samples` are those of the last cycle. */
export interface Shown {
  readonly node: string;
  readonly seen: Seen;
  readonly samples: readonly GpuSample[];
  /** Null before the first cycle. */
  readonly sampleAgeMs: Millis | null;
  readonly eventsWaiting: number;
}

/** Sets every gauge anew: what is not there any more, a GPU or a value, has no series afterwards. */
export function fillGauges(metrics: AgentMetrics, shown: Shown): void {
  const { node, seen, samples } = shown;
  const gpus = seen.gpus.map((identity) => ({
    identity,
    sample: samples.find((sample) => sample.uuid === identity.uuid),
    labels: {
      node,
      gpu: String(identity.index),
      uuid: identity.uuid,
      model: identity.name.kind === "value" ? identity.name.value : "",
    },
  }));
  type Gpu = (typeof gpus)[number];
  const of = (gpu: Gpu, name: GpuReadingName) => gpu.sample && readingOf(gpu.sample.readings, name);
  const series = (read: (gpu: Gpu) => Reading<number> | undefined, scale = 1) =>
    gpus.flatMap((gpu) => {
      const reading = read(gpu);
      return reading?.kind === "value" ? [{ labels: gpu.labels, value: reading.value * scale }] : [];
    });

  const memoryUsed = (gpu: Gpu) => of(gpu, "memoryUsed");
  const memoryTotal = (gpu: Gpu) => gpu.identity.memoryTotalBytes;
  metrics.setAll("gpu_utilization_percent", series((gpu) => of(gpu, "utilization"), 100).map(wholePercent));
  metrics.setAll("gpu_memory_usage_mb", series(memoryUsed, 1 / MIB));
  metrics.setAll("gpu_memory_total_mb", series(memoryTotal, 1 / MIB));
  metrics.setAll(
    "gpu_temperature_celsius",
    series((gpu) => of(gpu, "temperature")),
  );
  metrics.setAll(
    "gpu_power_watts",
    series((gpu) => of(gpu, "power")),
  );
  metrics.setAll(
    "gpu_autoscaler_gpu_utilization_ratio",
    series((gpu) => of(gpu, "utilization")),
  );
  metrics.setAll("gpu_autoscaler_gpu_memory_used_bytes", series(memoryUsed));
  metrics.setAll("gpu_autoscaler_gpu_memory_total_bytes", series(memoryTotal));
  metrics.setAll(
    "gpu_autoscaler_gpu_reading_state",
    gpus.flatMap(({ identity, sample, labels: { gpu, uuid } }) =>
      Object.entries(readingsOf(identity.memoryTotalBytes, sample)).flatMap(([field, reading]) => {
        if (reading === undefined || reading.kind === "value") return [];
        const state = sample?.state === "lost" ? "lost" : reading.kind;
        return [{ labels: { node, gpu, uuid, field, state }, value: 1 }];
      }),
    ),
  );
  metrics.setAll("gpu_autoscaler_agent_gpu_source", sourceSeries(seen.source));
  if (shown.sampleAgeMs !== null)
    metrics.set("gpu_autoscaler_agent_sample_age_seconds", {}, shown.sampleAgeMs / 1000);
  metrics.set("gpu_autoscaler_events_waiting", {}, shown.eventsWaiting);
}

/** Counts the readings of one cycle that failed. */
export function countErrors(metrics: AgentMetrics, samples: readonly GpuSample[]): void {
  for (const sample of samples) {
    for (const reading of Object.values(readingsOf(undefined, sample))) {
      if (reading?.kind === "failed")
        metrics.inc("gpu_autoscaler_nvml_errors_total", { code: String(reading.code) });
    }
  }
}

function readingsOf(
  memoryTotal: Reading<number> | undefined,
  sample: GpuSample | undefined,
): Readonly<Record<string, Reading<number> | undefined>> {
  return {
    utilization: sample && readingOf(sample.readings, "utilization"),
    memory_used: sample && readingOf(sample.readings, "memoryUsed"),
    memory_total: memoryTotal,
    temperature: sample && readingOf(sample.readings, "temperature"),
    power: sample && readingOf(sample.readings, "power"),
  };
}

function sourceSeries(source: GpuSource): readonly { labels: { state: string }; value: number }[] {
  return SOURCE_STATES.map((state) => ({ labels: { state }, value: state === source.state ? 1 : 0 }));
}

/** The driver gives whole percents; as a share of 1 and back, 0.29 would become 28.999999999999996. */
function wholePercent<Labels>(one: { readonly labels: Labels; readonly value: number }): {
  readonly labels: Labels;
  readonly value: number;
} {
  return { labels: one.labels, value: Math.round(one.value) };
}
