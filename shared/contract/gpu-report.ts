// What an agent says about its node's GPUs, every 5 s and at once when something changes. Windows, not
// samples: the reader gets mean, maximum and p95 with the share of the span that was really seen.

import * as z from "zod";

import type { Window } from "../model/gpu.ts";
import { millis, ratio } from "../model/units.ts";
import { instantMs } from "./instant.ts";

/**
 * A window as `[mean, max, p95, coverage 0..1, age in ms]`, or why there is none. A report has six of them for
 * each GPU; names would make it half as large again, and 10,000 agents send one every 5 s.
 */
const window = z.union([
  z.tuple([z.number(), z.number(), z.number(), z.number().min(0).max(1), z.number().min(0)]),
  z.enum(["no-samples", "unsupported", "failed", "lost"]),
]);

const source = z.object({
  state: z.enum(["starting", "ready", "library-missing", "driver-not-loaded", "no-device", "hung", "failed"]),
  driver: z.string().optional(),
  /** For people: what exactly is missing, hangs or failed. */
  detail: z.string().optional(),
});

const gpu = z.object({
  index: z.number().int().min(0),
  uuid: z.string().min(1),
  name: z.string().nullable(),
  memoryTotalBytes: z.number().min(0).nullable(),
  state: z.enum(["present", "lost"]),
  /** 0..1 over 10 s, 60 s and 600 s. */
  utilization: z.object({ w10: window, w60: window, w600: window }),
  /** Over 60 s. */
  memoryUsedBytes: window,
  temperatureCelsius: window,
  powerWatts: window,
  /**
   * `gpm`: the driver cannot tell the utilisation of a card in MIG mode, and `utilization` is that of its busiest
   * instance, by the GPU's own counters. Absent: the driver's own reading.
   */
  utilizationFrom: z.literal("gpm").optional(),
  /** Shares over 60 s by the GPU's own counters, where it has them. */
  smActive: window.optional(),
  tensorActive: window.optional(),
  /** The worst finding of this GPU; absent: none. */
  health: z.enum(["suspicion", "degraded", "fatal"]).optional(),
  /** `namespace/pod/container` of everybody who holds it or a part of it; absent: not known. */
  pods: z.array(z.string()).max(128).optional(),
  /** MIG profile → how many instances of it there are and how many are held. Absent: not in MIG mode. */
  mig: z.record(z.string(), z.tuple([z.number().int(), z.number().int()])).optional(),
});

/** A mean over GPUs, each by its own window; the number of GPUs that it is over is the denominator. */
const rollUp = z.object({
  gpus: z.number().int().min(0),
  utilization: z.object({ w10: window, w60: window, w600: window }),
});

export const gpuReportSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  /** The agent's wall clock, epoch ms. The reader ages reports by its own clock, from receipt. */
  at: instantMs,
  /** Counts up from 0 since the agent started: a gap is a lost report. */
  seq: z.number().int().min(0),
  source,
  gpus: z.array(gpu).max(64),
  /** Over all healthy GPUs, idle ones included. Unknown as soon as one of them is. */
  healthyGpus: rollUp.optional(),
  /** Over the healthy GPUs that a pod holds; absent: not known who holds what. */
  allocatedGpus: rollUp.optional(),
  /** `fatal` and `degraded` by the worst finding; `unknown` while the GPUs cannot be asked. */
  health: z.enum(["healthy", "degraded", "fatal", "unknown"]).optional(),
  /** Readings that no GPU of the node supports. */
  unsupported: z.array(z.string()).max(128).optional(),
});

export type GpuReport = z.infer<typeof gpuReportSchema>;
export type ReportedGpu = GpuReport["gpus"][number];
export type ReportedWindow = z.infer<typeof window>;

/** The window by its names. */
export function windowOf(reported: ReportedWindow): Window {
  if (typeof reported === "string") return { kind: "unknown", because: reported };
  const [mean, max, p95, coverage, ageMs] = reported;
  return { kind: "known", mean, max, p95, coverage: ratio(coverage), ageMs: millis(ageMs) };
}
