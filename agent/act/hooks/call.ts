// The words in which a pod is told: who it is, what happens, and how long it has.

import type { CheckpointCall } from "../../../shared/contract/checkpoint.ts";
import { toInstantText } from "../../../shared/model/instant.ts";
import type { HookOccasion, HookTarget } from "./hooks.ts";

/** `leftMs`: until nobody waits for its answer any more, and it may be asked to leave. */
export function callOf(target: HookTarget, occasion: HookOccasion, leftMs: number): CheckpointCall {
  const { eventId, kind, drill, peerInterrupted } = occasion;
  // A pod that stays is told of nothing that would end it.
  const deadline = peerInterrupted ? null : occasion.deadline;
  return {
    v: 1,
    eventId,
    kind,
    deadline: deadline === null ? null : toInstantText(deadline),
    remainingSeconds: deadline === null ? null : Math.floor(Math.max(0, leftMs)) / 1000,
    pod: target.name,
    namespace: target.namespace,
    podUid: target.uid,
    priority: target.class,
    drill,
    peerInterrupted,
  };
}
