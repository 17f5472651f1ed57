// Everything that is known of each GPU at one moment: who it is, whether it is there, its windows, who holds it and
// what is wrong with it, and the figures of the node as a whole. Keeps the last known list while the driver does not
// answer, since a GPU that cannot be asked has not gone.

import type { GpuAllocation, GpuHolder } from "../../shared/model/gpu-allocation.ts";
import type { HealthFinding, HealthLevel, NodeHealth } from "../../shared/model/gpu-health.ts";
import { GPU_READING_NAMES, kindOf, READING_AT } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import type {
  GpuCycle,
  GpuIdentity,
  GpuSample,
  GpuSource,
  GpuUuid,
  Window,
  Windows,
} from "../../shared/model/gpu.ts";
import { WINDOW_SPANS_MS } from "../../shared/model/gpu.ts";
import { NOT_ASKED } from "../../shared/model/nvml-status.ts";
import type { Millis } from "../../shared/model/units.ts";
import { holdersInFull } from "./allocation.ts";
import { rollUp } from "./roll-up.ts";
import type { RollUp } from "./roll-up.ts";
import { utilizationFrom } from "./seen-value.ts";
import type { GpuField } from "./seen-value.ts";
import type { History } from "./window.ts";

export interface GpuView {
  readonly identity: GpuIdentity;
  readonly state: "present" | "lost";
  readonly utilization: Windows;
  /** `gpm`: in MIG mode, of the busiest instance. */
  readonly utilizationFrom: "driver" | "gpm";
  readonly memoryUsed: Window;
  readonly temperature: Window;
  readonly power: Window;
  readonly smActive: Window;
  readonly tensorActive: Window;
  /** The worst finding; null: none. */
  readonly health: HealthLevel | null;
  /** Everybody who holds it or a part of it; null: not known, or not in full. */
  readonly holders: readonly GpuHolder[] | null;
}

export interface NodeView {
  readonly source: GpuSource;
  readonly gpus: readonly GpuView[];
  readonly allocation: GpuAllocation;
  readonly findings: readonly HealthFinding[];
  readonly health: NodeHealth;
  /** Over the GPUs that are there and have no fatal finding, idle ones included. */
  readonly healthyGpus: RollUp;
  /** Over those of them that somebody holds; null: not known, of one of them at least, whether somebody does. */
  readonly allocatedGpus: RollUp | null;
  /** Readings that no GPU can tell, in the order of the table. */
  readonly unsupported: readonly GpuReadingName[];
}

/** What the sampler has said so far. Folded over cycles; the windows live in the history. */
export interface Seen {
  readonly source: GpuSource;
  readonly gpus: readonly GpuIdentity[];
  readonly lost: readonly GpuUuid[];
}

/** What others have found out about the same GPUs. */
export interface Known {
  readonly allocation: GpuAllocation;
  readonly findings: readonly HealthFinding[];
  readonly health: NodeHealth;
  readonly unsupported: readonly GpuReadingName[];
}

export const NOTHING_SEEN: Seen = { source: { state: "starting" }, gpus: [], lost: [] };
export const NOTHING_KNOWN: Known = {
  allocation: { kind: "unknown", why: "nobody has been asked yet" },
  findings: [],
  health: "unknown",
  unsupported: [],
};

export function seenAfter(before: Seen, cycle: Pick<GpuCycle, "source" | "samples">): Seen {
  const { source, samples } = cycle;
  const gpus = source.state === "ready" ? source.gpus : source.state === "no-device" ? [] : before.gpus;
  const lost =
    samples.length === 0
      ? before.lost
      : samples.filter((sample) => sample.state === "lost").map((sample) => sample.uuid);
  return { source, gpus, lost: lost.filter((uuid) => gpus.some((gpu) => gpu.uuid === uuid)) };
}

/**
 * The readings that no GPU of a cycle can tell; null when none is there to ask, for a lost card does not say what it
 * could. What was not asked yet, or failed, is no lack of support.
 */
export function unsupportedBy(samples: readonly GpuSample[]): readonly GpuReadingName[] | null {
  const present = samples.filter(({ state }) => state === "present");
  if (present.length === 0) return null;
  return GPU_READING_NAMES.filter((name) =>
    present.every(({ readings }) => kindOf(readings.codes[READING_AT[name]] ?? NOT_ASKED) === "unsupported"),
  );
}

/** True when a reader of reports has to hear of it at once instead of at the next report. */
export function changedAtOnce(before: Seen, after: Seen): boolean {
  return (
    before.source.state !== after.source.state ||
    before.lost.length !== after.lost.length ||
    before.lost.some((uuid) => !after.lost.includes(uuid)) ||
    before.gpus.length !== after.gpus.length ||
    before.gpus.some((gpu, i) => shapeOf(gpu) !== shapeOf(after.gpus[i]))
  );
}

/** Which card, and how it is cut. */
function shapeOf(gpu: GpuIdentity | undefined): string {
  const instances = gpu?.mig.kind === "on" ? gpu.mig.instances.map(({ uuid }) => uuid) : [];
  return [gpu?.uuid, gpu?.mig.kind, ...instances].join(" ");
}

/** What has to be heard at once, as one text: who holds what, how ill each GPU is, and what none can tell. */
export function markOf({ allocation, findings, health, unsupported }: Known): string {
  const holders =
    allocation.kind === "unknown"
      ? null
      : allocation.holders
          .map((one) => [one.gpu, one.instance, one.device, placeOf(one)].join(" "))
          .toSorted();
  const ill = [...new Set(findings.map(({ gpu, level }) => `${gpu ?? ""} ${level}`))].toSorted();
  return JSON.stringify([holders, ill, health, unsupported]);
}

export function viewOf(
  seen: Seen,
  known: Known,
  history: Pick<History, "window" | "windows">,
  now: Millis,
): NodeView {
  const { allocation, findings, health, unsupported } = known;
  const gpus = seen.gpus.map((identity): GpuView => {
    const { uuid, mig } = identity;
    const overMinute = (field: GpuField): Window => history.window(uuid, field, WINDOW_SPANS_MS.w60, now);
    return {
      identity,
      state: seen.lost.includes(uuid) ? "lost" : "present",
      utilization: history.windows(uuid, "utilization", now),
      utilizationFrom: utilizationFrom(mig),
      memoryUsed: overMinute("memoryUsed"),
      temperature: overMinute("temperature"),
      power: overMinute("power"),
      smActive: overMinute("smActive"),
      tensorActive: overMinute("tensorActive"),
      health: worstOf(findings.filter((finding) => finding.gpu === uuid)),
      holders: holdersInFull(allocation, identity),
    };
  });
  const healthy = gpus.filter((gpu) => gpu.state === "present" && gpu.health !== "fatal");
  const isHeldKnown = allocation.kind === "known" && healthy.every(({ holders }) => holders !== null);
  const over = (some: readonly GpuView[]): RollUp => rollUp(some.map(({ utilization }) => utilization));
  return {
    source: seen.source,
    gpus,
    allocation,
    findings,
    health,
    healthyGpus: over(healthy),
    allocatedGpus: isHeldKnown ? over(healthy.filter(({ holders }) => holders?.length !== 0)) : null,
    unsupported,
  };
}

/** From the least to the worst. */
const LEVELS: readonly HealthLevel[] = ["application", "suspicion", "degraded", "fatal"];

function worstOf(findings: readonly HealthFinding[]): HealthLevel | null {
  return LEVELS.findLast((level) => findings.some((finding) => finding.level === level)) ?? null;
}

function placeOf({ namespace, pod, container }: GpuHolder): string {
  return `${namespace}/${pod}/${container}`;
}
