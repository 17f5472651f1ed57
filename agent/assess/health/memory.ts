// What of a node's health outlives the agent: the cases that events opened, which no reading can tell again, and how
// often each rule spoke. Cases belong to one boot of the machine; a reboot ends them. Plain data in and out.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export interface RememberedCase {
  readonly rule: string;
  readonly gpu: GpuUuid | null;
  readonly since: EpochMs;
  readonly toldAt: EpochMs;
  readonly evidence: string;
  readonly tellers: readonly GpuEvent["teller"][];
  readonly confirmed: boolean;
  readonly asked: boolean;
}

export interface RememberedTimes {
  readonly rule: string;
  readonly gpu: GpuUuid | null;
  readonly at: readonly EpochMs[];
}

export interface HealthMemory {
  readonly v: 1;
  /** The boot that the cases belong to; null when the machine does not say, and then they are kept. */
  readonly boot: string | null;
  readonly cases: readonly RememberedCase[];
  readonly times: readonly RememberedTimes[];
}

/** Rows that cannot be read are left out; null when nothing can be. */
export function readHealthMemory(value: unknown): HealthMemory | null {
  if (!isObject(value) || value["v"] !== 1) return null;
  const { boot, cases, times } = value;
  return {
    v: 1,
    boot: typeof boot === "string" ? boot : null,
    cases: listOf(cases).flatMap((one) => readCase(one) ?? []),
    times: listOf(times).flatMap((one) => readTimes(one) ?? []),
  };
}

function readCase(value: unknown): RememberedCase | null {
  if (!isObject(value)) return null;
  const { rule, gpu, since, toldAt, evidence, tellers, confirmed, asked } = value;
  if (typeof rule !== "string" || !isGpu(gpu) || typeof evidence !== "string") return null;
  if (!isInstant(since) || !isInstant(toldAt)) return null;
  return {
    rule,
    gpu,
    since: epochMs(since),
    toldAt: epochMs(toldAt),
    evidence: evidence.slice(0, 300),
    tellers: listOf(tellers).filter((one) => one === "driver" || one === "kernel-log"),
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
