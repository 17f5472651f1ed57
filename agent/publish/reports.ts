// The GPU report: what is known of the node's GPUs, rounded to what a reader can use. Newest wins and nothing is
// queued: a report that cannot be sent now is worth less than the next one.

import { encode } from "../../shared/contract/codec.ts";
import type { GpuReport, ReportedGpu, ReportedWindow } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuSource, Window } from "../../shared/model/gpu.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import type { GpuView, NodeView } from "../assess/view.ts";

export interface Reporter {
  /** False when NATS is away: the report is dropped. */
  send(view: NodeView, at: EpochMs): boolean;
}

export interface ReporterOptions {
  readonly nats: Pick<Nats, "publishLatest">;
  readonly node: string;
  readonly subjectRoot: string;
  /** Words for a source that is not ready; handed over by main, from assess. */
  readonly describeSource: (source: GpuSource) => string;
}

export function createReporter(options: ReporterOptions): Reporter {
  const subject = subjectFor("report", options.node, options.subjectRoot);
  let seq = 0;
  return {
    send: (view, at) => {
      const report = buildReport(options.node, view, { at, seq, describeSource: options.describeSource });
      // A dropped report has used its number: the reader sees the gap.
      seq++;
      return options.nats.publishLatest(subject, encode<"report">(report));
    },
  };
}

export function buildReport(
  node: string,
  view: NodeView,
  options: {
    readonly at: EpochMs;
    readonly seq: number;
    readonly describeSource: (source: GpuSource) => string;
  },
): GpuReport {
  const { source } = view;
  return {
    v: 1,
    node,
    at: options.at,
    seq: options.seq,
    source: {
      state: source.state,
      ...("driver" in source ? { driver: source.driver } : {}),
      ...(source.state === "ready" ? {} : { detail: options.describeSource(source) }),
    },
    gpus: view.gpus.map(reportedGpu),
  };
}

function reportedGpu(gpu: GpuView): ReportedGpu {
  const { identity, utilization } = gpu;
  return {
    index: identity.index,
    uuid: identity.uuid,
    name: valueOf(identity.name),
    memoryTotalBytes: valueOf(identity.memoryTotalBytes),
    state: gpu.state,
    utilization: {
      w10: reportedWindow(utilization.w10, SHARE),
      w60: reportedWindow(utilization.w60, SHARE),
      w600: reportedWindow(utilization.w600, SHARE),
    },
    memoryUsedBytes: reportedWindow(gpu.memoryUsed, BYTES),
    temperatureCelsius: reportedWindow(gpu.temperature, WHOLE),
    powerWatts: reportedWindow(gpu.power, WHOLE),
  };
}

/** Steps of rounding. The driver gives whole percents, so a tenth of one is finer than any single reading. */
const SHARE = 0.001;
const WHOLE = 1;
const BYTES = 1024 * 1024;
const AGE_MS = 10;

function reportedWindow(window: Window, step: number): ReportedWindow {
  if (window.kind === "unknown") return window.because;
  return [
    rounded(window.mean, step),
    rounded(window.max, step),
    rounded(window.p95, step),
    // Down: 0.896 must not read as the 0.9 that a fresh window needs.
    Math.floor(window.coverage * 100) / 100,
    rounded(window.ageMs, AGE_MS),
  ];
}

function rounded(value: number, step: number): number {
  // Multiplying by 0.001 gives 0.30000000000000004 and thirteen digits more than were asked for.
  return step < 1 ? Math.round(value / step) / Math.round(1 / step) : Math.round(value / step) * step;
}

function valueOf<T>(reading: Reading<T>): T | null {
  return reading.kind === "value" ? reading.value : null;
}
