// One node made safe to calculate with, and what its agent says of it. What is in order stays the object that it was.

import { ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { GpuInput, NodeInput, ReportDigest, Telemetry } from "../snapshot.ts";
import { each, sorted } from "./sane-list.ts";
import { saneNodeTimes } from "./sane-market.ts";
import { instant, isInstant, saneResources, share } from "./sane-value.ts";

export function saneNode(node: NodeInput, at: EpochMs): NodeInput {
  const { readyChangedAt, gpuHealth, ...rest } = node;
  const times = saneNodeTimes(node, at);
  const allocatable = saneResources(node.allocatable);
  const telemetry = saneTelemetry(node.telemetry);
  const isSane =
    isInstant(node.createdAt) &&
    allocatable === node.allocatable &&
    telemetry === node.telemetry &&
    times.readyChangedAt === readyChangedAt &&
    times.gpuHealth?.since === gpuHealth?.since;
  return isSane
    ? node
    : { ...rest, ...times, createdAt: instant(node.createdAt, at), allocatable, telemetry };
}

function saneTelemetry(telemetry: Telemetry): Telemetry {
  if (telemetry.kind === "unknown") return telemetry;
  if (!isInstant(telemetry.receivedAt)) {
    return {
      kind: "unknown",
      because: "source-not-ready",
      detail: "the time of the last report cannot be read",
    };
  }
  const gpus = each(
    sorted(telemetry.gpus, (gpu) => gpu.uuid),
    saneGpu,
  );
  const since = saneReports(telemetry.since);
  return gpus === telemetry.gpus && since === telemetry.since ? telemetry : { ...telemetry, gpus, since };
}

function saneGpu(gpu: GpuInput): GpuInput {
  const mean60 = share(gpu.mean60);
  return mean60 === gpu.mean60 ? gpu : { ...gpu, mean60 };
}

function saneReports(reports: readonly ReportDigest[]): readonly ReportDigest[] {
  const known = reports.every(({ at }) => isInstant(at))
    ? reports
    : reports.filter(({ at }) => isInstant(at));
  const made = each(known, saneDigest);
  const inOrder = made.every(({ at }, index) => index === 0 || at >= (made[index - 1]?.at ?? at));
  return inOrder ? made : made.toSorted((a, b) => a.at - b.at);
}

function saneDigest(digest: ReportDigest): ReportDigest {
  const { at, busiest, peak, coverage } = digest;
  const made = { at, busiest: share(busiest), peak: share(peak), coverage: share(coverage) ?? ratio(0) };
  const isSane = made.busiest === busiest && made.peak === peak && made.coverage === coverage;
  return isSane ? digest : made;
}
