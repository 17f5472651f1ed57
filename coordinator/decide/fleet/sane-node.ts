// One node made safe to calculate with, and what its agent says of it. What cannot be read of a node makes it one
// that nobody counts on and nobody removes; what is in order stays the object that it was.

import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import { ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { GpuInput, NodeInput, ReportDigest, Telemetry } from "../snapshot.ts";
import { isFlag, isList, isListOf, isOneOf, isRecord, isText, isTexts } from "./sane-form.ts";
import type { Unread } from "./sane-form.ts";
import { each, sorted } from "./sane-list.ts";
import { saneNodeTimes } from "./sane-market.ts";
import { isTaint } from "./sane-memory.ts";
import { instant, isInstant, saneAmounts, saneResources, share } from "./sane-value.ts";

/** Without a name it is no node that anybody could speak of. */
export function isNode(value: unknown): value is NodeInput {
  return isRecord(value) && isText(value["name"]);
}

export function saneNode(node: NodeInput, at: EpochMs): NodeInput {
  const whole = isWhole(node) ? node : wholeNode(node);
  const { readyChangedAt, gpuHealth, capacity, volumeLimits } = whole;
  const times = saneNodeTimes(whole, at);
  const allocatable = saneResources(whole.allocatable);
  const telemetry = saneTelemetry(whole.telemetry);
  const extra = { capacity: saneAmounts(capacity), volumeLimits: saneAmounts(volumeLimits) };
  const isSane =
    isInstant(whole.createdAt) &&
    allocatable === whole.allocatable &&
    telemetry === whole.telemetry &&
    extra.capacity === capacity &&
    extra.volumeLimits === volumeLimits &&
    times.readyChangedAt === readyChangedAt &&
    times.gpuHealth === gpuHealth;
  if (isSane) return whole;
  const {
    readyChangedAt: _ready,
    gpuHealth: _health,
    capacity: _capacity,
    volumeLimits: _limits,
    ...rest
  } = whole;
  return {
    ...rest,
    ...times,
    ...(extra.capacity === undefined ? {} : { capacity: extra.capacity }),
    ...(extra.volumeLimits === undefined ? {} : { volumeLimits: extra.volumeLimits }),
    createdAt: instant(whole.createdAt, at),
    allocatable,
    telemetry,
  };
}

const isReadiness = isOneOf(["ready", "not-ready", "unknown"]);
const isTaints = isListOf(isTaint);

function isWhole(node: NodeInput): boolean {
  return (
    isTexts(node.labels) &&
    isTexts(node.annotations) &&
    isTaints(node.taints) &&
    isFlag(node.unschedulable) &&
    isReadiness(node.ready) &&
    isRecord(node.allocatable) &&
    isMark(node.drainState) &&
    isMark(node.drainRequest) &&
    isRecord(node.telemetry)
  );
}

/** Room on which nobody counts, and a node that stays: it may be pinned, or in somebody's hands. */
function wholeNode(node: NodeInput): NodeInput {
  const unreadable = { kind: "malformed", why: "it cannot be read" } as const;
  const isOpen = isTaints(node.taints) && node.unschedulable === false;
  return {
    ...node,
    labels: isTexts(node.labels) ? node.labels : {},
    annotations: {
      ...(isTexts(node.annotations) ? node.annotations : {}),
      [NODE_ANNOTATION.doNotDisrupt]: "true",
    },
    taints: isTaints(node.taints) ? node.taints : [],
    unschedulable: !isOpen,
    ready: isReadiness(node.ready) ? node.ready : "unknown",
    allocatable: isRecord(node.allocatable) ? node.allocatable : {},
    drainState: isMark(node.drainState) ? node.drainState : unreadable,
    drainRequest: isMark(node.drainRequest) ? node.drainRequest : unreadable,
    telemetry: isRecord(node.telemetry) ? node.telemetry : UNREADABLE,
  };
}

const isMarkWithoutValue = isOneOf(["none", "malformed"]);

/** What stands in it was checked where it was read; here only that it is there. */
function isMark(mark: unknown): boolean {
  if (!isRecord(mark)) return false;
  return mark["kind"] === "value" ? isRecord(mark["value"]) : isMarkWithoutValue(mark["kind"]);
}

const UNREADABLE: Telemetry = {
  kind: "unknown",
  because: "source-not-ready",
  detail: "the last report cannot be read",
};

function saneTelemetry(telemetry: Telemetry): Telemetry {
  if (telemetry.kind === "unknown" || isSaneReport(telemetry)) return telemetry;
  const { kind, receivedAt, gpus, since } = telemetry;
  if (kind !== "reported" || !isInstant(receivedAt) || !isGpus(gpus) || !isDigests(since)) return UNREADABLE;
  const sane = {
    gpus: each(
      sorted(gpus, (gpu) => gpu.uuid),
      saneGpu,
    ),
    since: saneReports(since),
  };
  return sane.gpus === gpus && sane.since === since ? telemetry : { ...telemetry, ...sane };
}

/**
 * Whether all of it is in order, in one walk: nearly all telemetry is, and there is most of it. What is not so, down to
 * the order of its GPUs, is for the steps that make it so.
 */
function isSaneReport({ kind, receivedAt, gpus, since }: Unread<Reported>): boolean {
  if (kind !== "reported" || typeof receivedAt !== "number" || !isInstant(receivedAt)) return false;
  if (!isList(gpus) || !isList(since)) return false;
  let last: string | null = null;
  for (const gpu of gpus) {
    if (!isRecord(gpu)) return false;
    const { uuid, mean60 }: Unread<GpuInput> = gpu;
    if (!isText(uuid) || (last !== null && last >= uuid) || !isShareOrNull(mean60)) return false;
    last = uuid;
  }
  let before = 0;
  for (const digest of since) {
    if (!isRecord(digest)) return false;
    const { at, busiest, peak, coverage }: Unread<ReportDigest> = digest;
    if (typeof at !== "number" || !isInstant(at) || at < before) return false;
    if (!isShareOrNull(busiest) || !isShareOrNull(peak) || coverage === null || !isShareOrNull(coverage))
      return false;
    before = at;
  }
  return true;
}

type Reported = Extract<Telemetry, { readonly kind: "reported" }>;

function isShareOrNull(value: unknown): boolean {
  return value === null || (typeof value === "number" && value >= 0 && value <= 1);
}

const isGpus = isListOf((gpu) => isRecord(gpu) && isText(gpu["uuid"]));
const isDigests = isListOf(isRecord);

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
