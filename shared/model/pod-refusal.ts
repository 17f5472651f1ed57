// Which annotation of a pod says that it is not to be moved, in the words of the autoscalers that people come from.
// The coordinator asks before it takes a node and the agent before it evicts from one, so both ask here. A machine that
// really goes asks nobody.

import { parseGoDuration } from "./go-duration.ts";
import { POD_ANNOTATION } from "./names.ts";
import type { EpochMs } from "./units.ts";

export interface RefusalInput {
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** When the pod began to run, where that is known. */
  readonly startedAt: EpochMs | undefined;
}

/**
 * The annotation by which the pod refuses at `at`; null: it does not. Karpenter's may be a length of time from the pod's
 * start; any other value but "false" keeps it for good.
 */
export function podRefusal({ annotations, startedAt }: RefusalInput, at: EpochMs): string | null {
  if (annotations?.[POD_ANNOTATION.safeToEvict] === "false") return POD_ANNOTATION.safeToEvict;
  const doNotDisrupt = annotations?.[POD_ANNOTATION.doNotDisrupt];
  if (doNotDisrupt === undefined || doNotDisrupt === "" || doNotDisrupt === "false") return null;
  const forMs = parseGoDuration(doNotDisrupt);
  // Nobody knows how long a pod has run that does not say when it began.
  const isOver = forMs !== null && startedAt !== undefined && at - startedAt >= forMs;
  return isOver ? null : POD_ANNOTATION.doNotDisrupt;
}
