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
