// How a drain goes, phase by phase, with counts that add up: every pod that the drain covers is evicted,
// blocked or waiting. What came after the first version is optional.

import * as z from "zod";

import { DRAIN_PHASES, NOTICE_SOURCES } from "../model/interruption.ts";
import { EVICTION_CLASSES } from "../model/pod.ts";
import { checkpointSchema } from "./checkpoint.ts";
import { drainSummarySchema } from "./drain-summary.ts";
import { instantMs } from "./instant.ts";

/** The live reading with which an agent refuses: the busiest GPU over the last 10 s. */
export const liveReadingSchema = z.object({
  gpu: z.string(),
  /** 0..1, or null when the GPU cannot tell. */
  p95: z.number().nullable(),
  threshold: z.number(),
  /** For people. */
  detail: z.string(),
});
export type LiveReading = z.infer<typeof liveReadingSchema>;

export const drainReportSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  /** The notice's id or the request's id. */
  id: z.string().min(1),
  cause: z.enum(["notice", "request"]),
  source: z.enum([...NOTICE_SOURCES, "coordinator"]),
  phase: z.enum(DRAIN_PHASES),
  /** Epoch ms. */
  at: instantMs,
  deadline: instantMs,
  /** The class that a `wave` began with. */
  class: z.enum(EVICTION_CLASSES).optional(),
  counts: z.object({
    /** Evictions that the API server accepted. */
    evicted: z.number().int().min(0),
    /** Of those, pods that are gone. */
    gone: z.number().int().min(0),
    /** Refused by a budget so far and still tried. */
    blocked: z.number().int().min(0),
    /** Not asked yet. */
    waiting: z.number().int().min(0),
    /** Of those evicted, pods that were deleted past their budgets. */
    forced: z.number().int().min(0).optional(),
    /** Pods that a voluntary drain leaves where they are; outside of the sum. */
    kept: z.number().int().min(0).optional(),
  }),
  /** Only with the phases that end a drain. */
  summary: drainSummarySchema.optional(),
  /** What pods answered to the call to save their state; at most 64 of them. */
  checkpoints: z.array(checkpointSchema).max(64).optional(),
  /** Only with `refused`. */
  reading: liveReadingSchema.optional(),
});

export type DrainReport = z.infer<typeof drainReportSchema>;

export function drainMessageId(report: Pick<DrainReport, "id" | "phase" | "class">): string {
  return `${report.id}/${report.phase}${report.class === undefined ? "" : `/${report.class}`}`;
}
