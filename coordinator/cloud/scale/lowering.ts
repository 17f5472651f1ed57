// What stands on a static NodePool while claims of it are removed: which they are, so that a process that finds it can
// tell how much the number has still to fall. It is written before the first claim is deleted and goes with the very
// write that lowers the number, so that the number falls once, whoever finishes it. A note that is old is no promise any
// more: by then the claims were replaced, or somebody else ended them, and the number stays as it is.

import { z } from "zod";

import { parseInstant } from "../../../shared/model/instant.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { GROUP_ANNOTATION } from "../../../shared/model/names.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { ClaimRef } from "./claims.ts";

export interface Note extends ClaimRef {
  /** When it was written, RFC 3339, by the clock of the coordinator. */
  readonly at: string;
}

const NOTES = z.array(
  z.strictObject({
    name: z.string().min(1),
    uid: z.string().min(1),
    at: z.string().refine((at) => parseInstant(at) !== null, "no instant"),
  }),
);

/** Several leases and deadlines: whoever leads next has long looked at it. */
const OLD_MS = 600_000;

/** Of a NodePool. What cannot be read somebody else wrote: it is no note, and the next one takes its place. */
export function notesOf({ metadata }: KubeObject): readonly Note[] {
  const text = metadata.annotations?.[GROUP_ANNOTATION.lowering];
  if (text === undefined) return [];
  try {
    return NOTES.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

export function isOld({ at }: Note, now: EpochMs): boolean {
  const written = parseInstant(at);
  return written === null || elapsed(written, now) > OLD_MS;
}

/** Annotations for a merge patch: null takes it away. */
export function notesPatch(notes: readonly Note[]): Readonly<Record<string, string | null>> {
  return { [GROUP_ANNOTATION.lowering]: notes.length === 0 ? null : JSON.stringify(notes) };
}
