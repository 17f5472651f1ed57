// The two JSON values that stand in a node's annotations: what the coordinator asks of an agent, and how far
// the agent's drain has got. They work with NATS away, and they are how a restarted agent resumes.

import * as z from "zod";

import { CLOUD_SOURCES, DRAIN_PHASES, NOTICE_SOURCES } from "../model/interruption.ts";
import { liveReadingSchema } from "./drain-report.ts";
import { drainSummarySchema } from "./drain-summary.ts";
import { instantMs } from "./instant.ts";

/** `…/drain-request`: please empty this node by `deadline` (epoch ms), budgets hold. */
export const drainRequestSchema = z.object({
  v: z.literal(1),
  id: z.string().min(1),
  deadline: instantMs,
  reason: z.string(),
  /** The node counts as idle below this share; the agent's own reading has the last word. 0..1. */
  idleBelow: z.number().min(0).max(1),
  /** The node goes for another reason than idleness, so its reading has no say. Absent: it has. */
  evenBusy: z.boolean().optional(),
});
export type DrainRequest = z.infer<typeof drainRequestSchema>;

/** `…/drain-state`: written by the agent alone. */
export const drainStateSchema = z.object({
  v: z.literal(1),
  id: z.string().min(1),
  cause: z.enum(["notice", "request"]),
  source: z.enum([...NOTICE_SOURCES, "coordinator"]),
  phase: z.enum(DRAIN_PHASES),
  seenAt: instantMs,
  deadline: instantMs,
  replace: z.boolean(),
  /** False when the node was cordoned before we came: then it stays cordoned after us. */
  cordonedByUs: z.boolean(),
  bootID: z.string().optional(),
  reading: liveReadingSchema.optional(),
  /** Only with the phases that end a drain. */
  summary: drainSummarySchema.optional(),
  /** Only with `refused`, when it was a drill: why it is not held. */
  why: z.string().max(500).optional(),
});
export type DrainState = z.infer<typeof drainStateSchema>;

/** `…/interruption-hint`: written by the agent alone; its machine may go soon, or its host is worked on. */
export const interruptionHintSchema = z.object({
  v: z.literal(1),
  id: z.string().min(1).max(512),
  source: z.enum(CLOUD_SOURCES),
  kind: z.enum(["rebalance", "maintenance"]),
  action: z.string(),
  /** The machine does not live through it. Absent: not known. */
  endsMachine: z.boolean().optional(),
  seenAt: instantMs,
  /** When it begins, where the cloud says so. */
  at: instantMs.nullable(),
});
export type InterruptionHint = z.infer<typeof interruptionHintSchema>;

/** A value that cannot be read says why; nobody acts on half of it. */
export type Mark<T> =
  | { readonly kind: "none" }
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "malformed"; readonly why: string };

export function readDrainRequest(text: string | undefined): Mark<DrainRequest> {
  return readMark(text, drainRequestSchema);
}

export function readDrainState(text: string | undefined): Mark<DrainState> {
  return readMark(text, drainStateSchema);
}

export function readInterruptionHint(text: string | undefined): Mark<InterruptionHint> {
  return readMark(text, interruptionHintSchema);
}

function readMark<T>(text: string | undefined, schema: z.ZodType<T>): Mark<T> {
  if (text === undefined || text === "") return { kind: "none" };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "malformed", why: "not JSON" };
  }
  const parsed = schema.safeParse(json);
  return parsed.success
    ? { kind: "value", value: parsed.data }
    : { kind: "malformed", why: z.prettifyError(parsed.error) };
}
