// A drain in one glance, as it stands at the end: in the report to the coordinator, and in the node's drain-state, where
// whoever has a kubeconfig reads it. All times are milliseconds after the notice was seen.

import * as z from "zod";

import { EVICTION_CLASSES } from "../model/pod.ts";

const count = z.number().int().min(0);
const afterMs = z.number().int().min(0);

const ofClass = z.object({
  /** Pods of the class that were asked to leave. */
  pods: count,
  /** Until the first and the last of them was asked. */
  firstMs: afterMs,
  lastMs: afterMs,
  /** Grace in seconds that the first call gave: the least and the most in the class. */
  minGraceS: count,
  maxGraceS: count,
});

export const drainSummarySchema = z.object({
  /** Until the stream in NATS had the notice; absent while it has not. */
  publishedMs: afterMs.optional(),
  /** Until the node carried the marks. */
  markedMs: afterMs.optional(),
  firstEvictionMs: afterMs.optional(),
  lastEvictionMs: afterMs.optional(),
  /** Until nothing evictable was left. */
  drainedMs: afterMs.optional(),
  evicted: count,
  forced: count,
  /** Still on the node at the end, kept ones left out. */
  left: count,
  kept: count,
  hooks: z.object({ asked: count, saved: count, failed: count }),
  classes: z.partialRecord(z.enum(EVICTION_CLASSES), ofClass),
});
export type DrainSummary = z.infer<typeof drainSummarySchema>;
export type ClassSummary = z.infer<typeof ofClass>;
