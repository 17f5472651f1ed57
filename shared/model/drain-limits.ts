// Until when one pod of a drain may be waited for: for a hook that saves its state, for a budget that does not let it go,
// and for its volume to be detached. Pure arithmetic beside the plan, which says who it is about.

import { isHasty } from "./drain-window.ts";
import type { DrainWindow } from "./drain-window.ts";
import type { Pod } from "./kube.ts";
import type { EvictionClass } from "./pod.ts";
import { epochMs } from "./units.ts";
import type { EpochMs, Millis } from "./units.ts";

/** What of a pod its limits depend on. */
export interface LimitedPod {
  readonly class: EvictionClass;
  readonly ownGraceMs: Millis;
  readonly extend: boolean;
  readonly end: EpochMs;
}

/** An attached volume needs so long after the last container that used it. */
const DETACH_MS = 10_000;
/** The share of R that a pod gets at least after it was forced out, if it asks for that much. */
const FORCED_SHARE: Readonly<Record<EvictionClass, number>> = {
  low: 0.1,
  medium: 0.3,
  high: 0.6,
  system: 0.3,
};
/** What every pod gets after force, whatever it asks for: enough for SIGTERM to reach it by a slow API server. */
const FORCED_LEAST = { ms: 5_000, share: 0.25 } as const;
/** A pod that is being saved keeps this share of R for itself, if it asks for that much. */
const HOOK_SHARE = 0.5;

/** E for this pod: earlier when a volume must be detached after it, unless there is no time for that. */
export function podEnd(pod: Pod, window: DrainWindow): EpochMs {
  const detachMs = window.mode === "staggered" && hasVolume(pod) ? DETACH_MS : 0;
  return epochMs(Math.max(window.seenAt, window.end - detachMs));
}

function hasVolume(pod: Pod): boolean {
  return (
    pod.spec.volumes?.some(
      (volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined,
    ) ?? false
  );
}

/**
 * F: from then on the pod is deleted past its budgets. Null: never, since nobody is forced out of a machine that stays. A
 * high pod whose grace is extended is given what is left, so how much it asks for by itself says nothing about when.
 */
export function forceAt(pod: LimitedPod, window: DrainWindow): EpochMs | null {
  if (window.kind !== "real") return null;
  if (isHasty(window)) return window.seenAt;
  const shareMs = FORCED_SHARE[pod.class] * window.usableMs;
  const wantedMs = pod.class === "high" && pod.extend ? shareMs : Math.min(pod.ownGraceMs, shareMs);
  const leastMs = Math.min(FORCED_LEAST.ms, FORCED_LEAST.share * window.usableMs);
  return epochMs(Math.max(window.seenAt, pod.end - Math.max(leastMs, wantedMs)));
}

/** Until then a pod is waited for that is saving its state. */
export function hookLimit(pod: LimitedPod, window: DrainWindow): EpochMs {
  const keptMs = Math.min(pod.ownGraceMs, HOOK_SHARE * window.usableMs);
  return epochMs(Math.max(window.seenAt, pod.end - keptMs));
}
