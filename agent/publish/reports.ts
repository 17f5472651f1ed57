// The GPU report: what is known of the node's GPUs, rounded to what a reader can use, and kept short. Newest wins and
// nothing is queued: a report that cannot be sent now is worth less than the next one.

import { PODS_AT_MOST } from "../../shared/contract/gpu-report.ts";
import type { GpuReport, ReportedGpu, ReportedWindow } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { GPU_READING_NAMES } from "../../shared/model/gpu-readings.ts";
import type { Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuSource, Window, Windows } from "../../shared/model/gpu.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import type { RollUp } from "../assess/roll-up.ts";
import type { GpuView, NodeView } from "../assess/view.ts";
import { encodeShort } from "./report-room.ts";

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
      return options.nats.publishLatest(subject, encodeShort(report));
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
  const { source, allocatedGpus } = view;
  return {
    v: 2,
    node,
    at: options.at,
    seq: options.seq,
    source: {
      state: source.state,
      ...("driver" in source ? { driver: source.driver } : {}),
      ...(source.state === "ready" ? {} : { detail: shortened(options.describeSource(source)) }),
    },
    gpus: view.gpus.map(reportedGpu),
    healthyGpus: reportedRollUp(view.healthyGpus),
    ...(allocatedGpus === null ? {} : { allocatedGpus: reportedRollUp(allocatedGpus) }),
    health: view.health,
    unsupported: [...shortNames(view.unsupported)],
  };
}

/** A worker that crashed is told of in the words of the runtime, which may be very many; `ask.<node>` has them all. */
const DETAIL_CHARACTERS = 1_000;

function shortened(text: string): string {
  return text.length <= DETAIL_CHARACTERS ? text : `${text.slice(0, DETAIL_CHARACTERS - 1)}…`;
}

function reportedGpu(gpu: GpuView): ReportedGpu {
  const { identity, holders, health } = gpu;
  const pods = holders && podsOf(holders);
  return {
    index: identity.index,
    uuid: identity.uuid,
    name: valueOf(identity.name),
    memoryTotalBytes: valueOf(identity.memoryTotalBytes),
    state: gpu.state,
    utilization: reportedWindows(gpu.utilization),
    memoryUsedBytes: reportedWindow(gpu.memoryUsed, BYTES),
    temperatureCelsius: reportedWindow(gpu.temperature, WHOLE),
    powerWatts: reportedWindow(gpu.power, WHOLE),
    ...(gpu.utilizationFrom === "gpm" ? { utilizationFrom: "gpm" } : {}),
    ...shareOf("smActive", gpu.smActive),
    ...shareOf("tensorActive", gpu.tensorActive),
    ...(health === null || health === "application" ? {} : { health }),
    ...(pods === null || pods.length > PODS_AT_MOST ? {} : { pods: [...pods] }),
    ...migOf(gpu),
  };
}

/** A pod with several parts of one GPU is one. */
function podsOf(holders: NonNullable<GpuView["holders"]>): readonly string[] {
  return [...new Set(holders.map((one) => `${one.namespace}/${one.pod}/${one.container}`))].toSorted();
}

/** Cards that have no such counters say so once, in `unsupported`. */
function shareOf<K extends "smActive" | "tensorActive">(
  name: K,
  window: Window,
): { readonly [Name in K]?: ReportedWindow } {
  const isNone = window.kind === "unknown" && window.because === "unsupported";
  return isNone ? {} : ({ [name]: reportedWindow(window, COARSE_SHARE) } as { [Name in K]?: ReportedWindow });
}

function migOf({ identity: { mig }, holders }: GpuView): Pick<ReportedGpu, "mig"> {
  if (mig.kind !== "on") return {};
  // One who holds the card, or a part of it that nobody can name, may hold any of them.
  const isNamed = holders?.every(({ instance }) => instance !== null) === true;
  const held = isNamed ? new Set(holders.map(({ instance }) => instance)) : null;
  const profiles = new Map<string, [number, number | null]>();
  for (const { uuid, profile } of mig.instances) {
    const name = profile ?? NO_PROFILE;
    const [count, before] = profiles.get(name) ?? [0, held && 0];
    profiles.set(name, [count + 1, held && (before ?? 0) + (held.has(uuid) ? 1 : 0)]);
  }
  return { mig: Object.fromEntries(profiles) };
}

/** How a profile is called that the driver does not tell. */
const NO_PROFILE = "unknown";

function reportedRollUp({ gpus, utilization }: RollUp): NonNullable<GpuReport["healthyGpus"]> {
  return { gpus, utilization: reportedWindows(utilization) };
}

function reportedWindows({ w10, w60, w600 }: Windows): ReportedGpu["utilization"] {
  return {
    w10: reportedWindow(w10, SHARE),
    w60: reportedWindow(w60, SHARE),
    w600: reportedWindow(w600, SHARE),
  };
}

/** Steps of rounding. The driver gives whole percents, so a tenth of one is finer than any single reading. */
const SHARE = 0.001;
/** Of what people look at and nobody compares with a threshold. */
const COARSE_SHARE = 0.01;
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

/** A family of readings of which none is supported is one name: on a card without NVLink, `nvlink*`. */
function shortNames(unsupported: readonly string[]): readonly string[] {
  const stems = unsupported
    .map((name) => /^[a-z]+/.exec(name)?.[0] ?? name)
    .filter((stem) => {
      const members = GPU_READING_NAMES.filter((name) => name.startsWith(stem));
      return members.length > 1 && members.every((name) => unsupported.includes(name));
    });
  const shortestOf = (name: string): string | undefined =>
    stems.filter((stem) => name.startsWith(stem)).toSorted((a, b) => a.length - b.length)[0];
  const short = unsupported.map((name) => {
    const stem = shortestOf(name);
    return stem === undefined ? name : `${stem}*`;
  });
  return [...new Set(short)];
}

function valueOf<T>(reading: Reading<T>): T | null {
  return reading.kind === "value" ? reading.value : null;
}
