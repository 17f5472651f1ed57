// What an agent says of its GPUs' health, at once when it changes: an event that a GPU or the kernel reported, or the
// list of findings that stand. Kept by the stream, so that a reader who was away hears of it.

import * as z from "zod";

import { instantMs } from "./instant.ts";

const event = z.object({
  kind: z.literal("event"),
  /** xid, sxid, lost, reset, mig-changed, unavailable, recovery-action. */
  what: z.string().min(1).max(32),
  /** The XID or SXID. */
  number: z.number().int().min(0).nullable(),
  gpu: z.string().min(1).nullable(),
  busId: z.string().min(1).nullable(),
  teller: z.enum(["driver", "kernel-log"]),
  /** What the catalogue says of it: fatal, degraded, application, suspicion or informational. */
  class: z.string().min(1).max(32),
  text: z.string().max(300),
});

const finding = z.object({
  rule: z.string().min(1).max(64),
  gpu: z.string().min(1).nullable(),
  level: z.enum(["application", "suspicion", "degraded", "fatal"]),
  since: instantMs,
  evidence: z.string().max(300),
  remedy: z.string().min(1).max(32),
  clears: z.string().max(300),
});

const findings = z.object({
  kind: z.literal("findings"),
  node: z.enum(["healthy", "degraded", "fatal", "unknown"]),
  /** All that stand now; what is not in the list any more is over. At most 64, the worst first. */
  findings: z.array(finding).max(64),
});

export const healthSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  /** The agent's wall clock, epoch ms. */
  at: instantMs,
  /** Unique on its node: the start of the agent and a count. */
  id: z.string().min(1).max(64),
  health: z.discriminatedUnion("kind", [event, findings]),
});

export type HealthMessage = z.infer<typeof healthSchema>;

/** The stream refuses a second message with the same id. */
export function healthMessageId(message: Pick<HealthMessage, "node" | "id">): string {
  return `${message.node} health ${message.id}`;
}
