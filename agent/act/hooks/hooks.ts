// The contract of the checkpoint hooks: who is told, when a pod may be asked to leave in spite of them, and what came of
// it. The calls themselves are in the files beside.

import type { Checkpoint } from "../../../shared/contract/checkpoint.ts";
import type { CheckpointHook } from "../../../shared/model/checkpoint-hook.ts";
import type { NoticeKind } from "../../../shared/model/interruption.ts";
import type { EvictionClass } from "../../../shared/model/pod.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export interface HookTarget {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly class: EvictionClass;
  readonly hook: CheckpointHook;
}

/** What the pod is told of. */
export interface HookOccasion {
  /** Id of the interruption, the hint or the peer's interruption. */
  readonly eventId: string;
  readonly kind: NoticeKind;
  /** When the node goes; null where nobody knows, or where it stays. */
  readonly deadline: EpochMs | null;
  readonly drill: boolean;
  readonly peerInterrupted: boolean;
}

export interface Hooks {
  /**
   * Tells the pod, once for each pod and occasion, and stops waiting for its answer at `by` (epoch ms) or at the pod's own
   * time-out, whichever is first. Told again of the same, nothing is sent, and an earlier `by` counts. Returns at once;
   * never throws.
   */
  call(target: HookTarget, occasion: HookOccasion, by: EpochMs): void;
  /** Whether an answer may still come. */
  pending(uid: string, eventId: string): boolean;
  /** What came of the calls of one occasion so far. */
  results(eventId: string): readonly Checkpoint[];
  /** Calls of this occasion that are out are given up. */
  giveUp(eventId: string): void;
}
