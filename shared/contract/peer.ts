// The coordinator's word to one agent: a pod of a gang loses its node somewhere else, so these pods of yours, which are of
// the same gang, had better save their state now. Core NATS, sent once: a gang that does not hear it has lost nothing but
// the hint.

import * as z from "zod";

import { NOTICE_KINDS } from "../model/interruption.ts";
import { instantMs } from "./instant.ts";

export const peerSchema = z.object({
  v: z.literal(1),
  /** Whom it is for: the node of the subject. */
  node: z.string().min(1),
  /** The interruption's id, and where it happens. */
  id: z.string().min(1),
  interrupted: z.string().min(1),
  kind: z.enum(NOTICE_KINDS),
  drill: z.boolean(),
  /** Epoch ms at which the other node goes; null where nobody knows. */
  deadline: instantMs.nullable(),
  /** namespace/name of the pods that are to be told. */
  pods: z.array(z.string().min(1).max(512)).min(1).max(200),
});
export type PeerMessage = z.infer<typeof peerSchema>;
