// Tells the pods of one drain to save their state, each as soon as it is known, and says who may still be at it. The
// calls are in hooks/; how long a pod is waited for is the plan's business.

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import type { DrainPlan, PlannedPod } from "../../shared/model/drain-plan.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Hooks } from "./hooks/hooks.ts";
import type { DrainOrder } from "./order.ts";

export interface Saving {
  /** Tells those of the plan that have not been told. */
  tell(plan: DrainPlan): void;
  pending(uid: string): boolean;
  /** How many were told. */
  readonly asked: number;
  results(): readonly Checkpoint[];
  /** Answers are waited for no longer. */
  giveUp(): void;
}

/** What one drain report can carry. */
const RESULTS_AT_MOST = 64;
/** Time enough for the call to reach a pod whose time has passed: it is not waited for any more. */
const HEARD_WITHIN_MS = 1_000;

/** `now`: the drain's own time line, whereas hooks count by the wall clock, which may have been set since. */
export function createSaving(
  hooks: Hooks | null,
  order: DrainOrder,
  now: () => EpochMs,
  clock: Pick<Clock, "now">,
): Saving {
  const told = new Set<string>();
  const { id: eventId } = order;
  return {
    tell: ({ window, pods }) => {
      if (hooks === null) return;
      for (const pod of pods) {
        if (pod.hook === null || told.has(pod.uid) || !isConcerned(pod, order)) continue;
        told.add(pod.uid);
        const { namespace, name, uid, hook } = pod;
        hooks.call(
          { namespace, name, uid, class: pod.class, hook },
          {
            eventId,
            kind: "termination",
            deadline: window.deadline,
            drill: order.source === "drill",
            peerInterrupted: false,
          },
          epochMs(clock.now() + Math.max(pod.hookBy - now(), HEARD_WITHIN_MS)),
        );
      }
    },
    pending: (uid) => hooks?.pending(uid, eventId) ?? false,
    get asked() {
      return told.size;
    },
    results: () => hooks?.results(eventId).slice(0, RESULTS_AT_MOST) ?? [],
    giveUp: () => {
      hooks?.giveUp(eventId);
    },
  };
}

/** A drill rehearses what a pod that stays would hear; a request that leaves a pod alone tells it nothing. */
function isConcerned({ state }: PlannedPod, { cause }: DrainOrder): boolean {
  return state === "stays" || (state === "kept" && cause === "notice");
}
