// An interruption as its agent saw it: seen, cancelled, or superseded by an earlier deadline. Kept by
// JetStream; the message id is event id and phase, so a retry is not a second notice.

import * as z from "zod";

import { NOTICE_SOURCES } from "../model/interruption.ts";
import { instantMs } from "./instant.ts";

export const noticeSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  id: z.string().min(1),
  phase: z.enum(["seen", "cancelled", "superseded"]),
  source: z.enum(NOTICE_SOURCES),
  /** Epoch ms. */
  seenAt: instantMs,
  /** Epoch ms at which the machine goes. */
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
});

export type NoticeMessage = z.infer<typeof noticeSchema>;

/** JetStream's duplicate filter: one id for each phase of each event. */
export function noticeMessageId(message: Pick<NoticeMessage, "id" | "phase" | "deadline">): string {
  return message.phase === "superseded"
    ? `${message.id}/${message.phase}/${message.deadline}`
    : `${message.id}/${message.phase}`;
}
