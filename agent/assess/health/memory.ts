// What of a node's health outlives the agent: the cases that stand, so that a restart neither ends a verdict nor makes
// it news again, and how often each rule spoke. Cases belong to one boot of the machine; a reboot ends them. Plain data in and out.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export interface RememberedCase {
  readonly rule: string;
  readonly gpu: GpuUuid | null;
  /** Where the GPU is that nobody has named yet. */
  readonly busId: string | null;
  readonly since: EpochMs;
  /** Null when no event spoke of it: readings say whether it still is so. */
  readonly toldAt: EpochMs | null;
  readonly evidence: string;
  readonly tellers: readonly (GpuEvent["teller"] | "reading")[];
  readonly confirmed: boolean;
  readonly asked: boolean;
}

export interface RememberedTimes {
  readonly rule: string;
  readonly gpu: GpuUuid | null;
  readonly at: readonly EpochMs[];
}

/** What a GPU was seen to be, by which the next agent tells that it was reset, or has less than it had. */
export interface RememberedGpu {
  readonly gpu: GpuUuid;
  /** So that what the log tells of it is told of it also before the driver has answered. */
  readonly busId: string | null;
  /** Joules since the driver was loaded. */
  readonly energy: number | null;
  /** It was lost when it was last seen. */
  readonly wasLost: boolean;
  /** The most at once. */
  readonly nvlinksUp: number | null;
  readonly pcieWidth: number | null;
}

export interface HealthMemory {
  readonly v: 1;
  /** The boot that the cases belong to; null when the machine does not say, and then they are kept. */
  readonly boot: string | null;
  /** Version of the driver that answered last; null before one did. */
  readonly driver: string | null;
  readonly cases: readonly RememberedCase[];
  readonly times: readonly RememberedTimes[];
  /** Of the same boot as the cases. */
  readonly gpus: readonly RememberedGpu[];
}

/** Rows that cannot be read are left out; null when nothing can be. */
export function readHealthMemory(value: unknown): HealthMemory | null {
  if (!isObject(value) || value["v"] !== 1) return null;
  const { boot, driver, cases, times, gpus } = value;
  return {
    v: 1,
    boot: typeof boot === "string" ? boot : null,
    driver: typeof driver === "string" ? driver : null,
    cases: listOf(cases).flatMap((one) => readCase(one) ?? []),
    times: listOf(times).flatMap((one) => readTimes(one) ?? []),
    gpus: listOf(gpus).flatMap((one) => readGpu(one) ?? []),
  };
}

function readCase(value: unknown): RememberedCase | null {
  if (!isObject(value)) return null;
  const { rule, gpu, busId, since, toldAt, evidence, tellers, confirmed, asked } = value;
  if (typeof rule !== "string" || !isGpu(gpu) || typeof evidence !== "string") return null;
  if (!isInstant(since) || (toldAt !== null && !isInstant(toldAt))) return null;
  return {
    rule,
    gpu,
    busId: gpu === null ? addressOf(busId) : null,
    since: epochMs(since),
    toldAt: toldAt === null ? null : epochMs(toldAt),
    evidence: evidence.slice(0, 300),
    tellers: listOf(tellers).filter((one) => one === "driver" || one === "kernel-log" || one === "reading"),
    confirmed: confirmed === true,
    asked: asked === true,
  };
}

function readTimes(value: unknown): RememberedTimes | null {
  if (!isObject(value)) return null;
  const { rule, gpu, at } = value;
  if (typeof rule !== "string" || !isGpu(gpu)) return null;
  return { rule, gpu, at: listOf(at).filter(isInstant).map(epochMs) };
}

function readGpu(value: unknown): RememberedGpu | null {
  if (!isObject(value)) return null;
  const { gpu, busId, energy, wasLost, nvlinksUp, pcieWidth } = value;
  if (!isGpu(gpu) || gpu === null) return null;
  return {
    gpu,
    busId: addressOf(busId),
    energy: amountOf(energy),
    wasLost: wasLost === true,
    nvlinksUp: amountOf(nvlinksUp),
    pcieWidth: amountOf(pcieWidth),
  };
}

function addressOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value.length <= 32 ? value : null;
}

function amountOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isGpu(value: unknown): value is GpuUuid | null {
  return value === null || (typeof value === "string" && value !== "");
}

function isInstant(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
