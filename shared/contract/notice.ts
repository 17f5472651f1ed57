// An interruption or a hint of one as its agent saw it: seen, superseded by an earlier deadline, cancelled, or survived.
// Kept by JetStream; the message id is event id and phase, so a retry is not a second notice. What a reader of an older
// version does not know is optional, and absent means what it meant before it was there.

import * as z from "zod";

import { CLOUD_SOURCES, NOTICE_KINDS, NOTICE_SOURCES } from "../model/interruption.ts";
import { instantMs } from "./instant.ts";

/** What the machine's own metadata says of it; a field that it does not tell is absent. */
export const machineSchema = z.object({
  cloud: z.enum(CLOUD_SOURCES),
  instanceId: z.string().max(256).optional(),
  instanceType: z.string().max(128).optional(),
  region: z.string().max(64).optional(),
  zone: z.string().max(64).optional(),
  /** AWS: names of zones differ from account to account, their ids do not. */
  zoneId: z.string().max(64).optional(),
  lifecycle: z.enum(["spot", "on-demand", "reserved"]).optional(),
});
export type Machine = z.infer<typeof machineSchema>;

export const noticeSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  /** A node's name has up to 253 characters, and an id is little longer. */
  id: z.string().min(1).max(512),
  phase: z.enum(["seen", "cancelled", "superseded", "survived"]),
  source: z.enum(NOTICE_SOURCES),
  /** Absent: termination. */
  kind: z.enum(NOTICE_KINDS).optional(),
  /** The cloud's own word for it. */
  action: z.string().max(128).optional(),
  /** Of maintenance: the machine does not live through it. Absent: not known. */
  endsMachine: z.boolean().optional(),
  /** Epoch ms. */
  seenAt: instantMs,
  /** Epoch ms at which the machine goes. Of a hint, when it begins, or when it was seen where nobody knows that. */
  deadline: instantMs,
  /** Whether a replacement is wanted. */
  replace: z.boolean(),
  /** Evictable pods by class at that moment. */
  pods: z.object({
    low: z.number().int().min(0),
    medium: z.number().int().min(0),
    high: z.number().int().min(0),
    system: z.number().int().min(0),
  }),
  /** GPUs of the node. */
  gpus: z.number().int().min(0).optional(),
  machine: machineSchema.optional(),
});

export type NoticeMessage = z.infer<typeof noticeSchema>;

/** JetStream's duplicate filter: one id for each phase of each event. */
export function noticeMessageId(message: Pick<NoticeMessage, "id" | "phase" | "deadline">): string {
  return message.phase === "superseded"
    ? `${message.id}/${message.phase}/${message.deadline}`
    : `${message.id}/${message.phase}`;
}
