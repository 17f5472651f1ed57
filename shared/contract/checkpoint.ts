// The call by which a pod is told to save its state, and what it answers. The words of the call are an interface that
// training jobs are written against (deploy/examples/checkpoint); an answer is a stranger's text and is cut to what can
// be shown.

import * as z from "zod";

import { NOTICE_KINDS } from "../model/interruption.ts";
import { EVICTION_CLASSES } from "../model/pod.ts";

/** Body of the POST to a pod's checkpoint-url. */
export const checkpointCallSchema = z.object({
  v: z.literal(1),
  /** Stable for one interruption; also in the header Gpu-Autoscaler-Event-Id. The same call may come twice. */
  eventId: z.string(),
  kind: z.enum(NOTICE_KINDS),
  /** RFC 3339; null where nobody knows when, or where the pod stays. */
  deadline: z.string().nullable(),
  /** Seconds until SIGTERM comes at the latest; null likewise. */
  remainingSeconds: z.number().nullable(),
  pod: z.string(),
  namespace: z.string(),
  podUid: z.string(),
  priority: z.enum(EVICTION_CLASSES),
  drill: z.boolean(),
  /** Another pod of this one's gang loses its node; this one keeps its own. */
  peerInterrupted: z.boolean(),
});
export type CheckpointCall = z.infer<typeof checkpointCallSchema>;

export const CHECKPOINT_RESULTS = [
  /** It says that it has saved. */
  "saved",
  /** Nobody answers at the address, or answers that there is no such thing. */
  "no-hook",
  /** It answered with an error, or with what is no answer. */
  "failed",
  /** Not saved when its time was up. */
  "late",
  /** Not asked: the address is not the pod's own, or cannot be read. */
  "refused",
] as const;
export type CheckpointResult = (typeof CHECKPOINT_RESULTS)[number];

/** What came of one call. */
export const checkpointSchema = z.object({
  /** namespace/name. */
  pod: z.string().max(512),
  result: z.enum(CHECKPOINT_RESULTS),
  /** How long it took, in milliseconds. */
  tookMs: z.number().int().min(0),
  /** The training step and the place that the pod named, where it did. */
  step: z.number().int().optional(),
  uri: z.string().max(512).optional(),
  /** For people: what was wrong. */
  detail: z.string().max(300).optional(),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;
