// When each pod is asked to leave and how much grace it gets, from the pods, the deadline and the moment at
// which the end was known. Pure arithmetic: nothing is sent and nobody waits here. The order of the classes
// never costs a pod grace that it would have had in a plain drain of everything at once: a pod that needs more
// than is left starts at once, whatever its class.

import type { CheckpointHook, CheckpointHookOf } from "./checkpoint-hook.ts";
import { isKeepMode, keptReason } from "./drain-kept.ts";
import type { Kept } from "./drain-kept.ts";
import { forceAt, hookLimit, podEnd } from "./drain-limits.ts";
import { drainWindow } from "./drain-window.ts";
import type { DrainKind, DrainWindow } from "./drain-window.ts";
import { parseInstant } from "./instant.ts";
import type { Pod } from "./kube.ts";
import {
  EVICTION_CLASSES,
  evictionClass,
  isDaemonPod,
  isFinished,
  isMirrorPod,
  mayExtendGrace,
  ownGrace,
  podKey,
} from "./pod.ts";
import type { EvictionClass } from "./pod.ts";
import { epochMs, seconds, secondsToMillis } from "./units.ts";
import type { EpochMs, Millis, Seconds } from "./units.ts";

export type { DrainKind, DrainWindow } from "./drain-window.ts";

/** The pods of a drain and the frame of time that holds for all of them. */
export interface DrainPlan {
  readonly window: DrainWindow;
  /** In the order in which they leave when nothing else decides: by class, then by the latest start that fits. */
  readonly pods: readonly PlannedPod[];
}

export interface PlannedPod {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly class: EvictionClass;
  /** What the priority annotation said when it said nothing that we know. */
  readonly unknownPriority: string | null;
  readonly ownGraceMs: Millis;
  readonly extend: boolean;
  /** E for this pod: earlier when a volume must be detached after it. */
  readonly end: EpochMs;
  /** Later than this its own grace does not fit any more: L. */
  readonly latestStart: EpochMs;
  /** From then on it is deleted past its budgets: F. Null: never. */
  readonly forceAt: EpochMs | null;
  /** It is asked at `forceAt` and not before. */
  readonly keepMode: boolean;
  /** How it wants to be told to save its state; null: it does not. */
  readonly hook: CheckpointHook | null;
  /** Until then it is waited for when it saves its state. */
  readonly hookBy: EpochMs;
  /** `leaving`: deleted already and gone in time, so it is watched and not asked. `kept`: this drain does not move it. */
  readonly state: "stays" | "leaving" | "kept";
  /** Why it is kept; null when it is not. */
  readonly kept: Kept | null;
}

export interface DrainInput {
  readonly pods: readonly Pod[];
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly kind: DrainKind;
  /** For what ends by itself, such as a pod's wish not to be moved for an hour. */
  readonly now: EpochMs;
  /** namespace/name of the pod that runs this code, which is never evicted. */
  readonly self: string | null;
  /** Left out: no pod is told to save its state. */
  readonly hookOf?: CheckpointHookOf | undefined;
  /** A drill moves pods without a controller too. Left out: it does not. */
  readonly moveUnmanaged?: boolean | undefined;
  /** The machine is dead: nothing runs there that could be kept. Left out: it lives. */
  readonly dead?: boolean | undefined;
}

/** Which classes have nobody left on the node. */
export type ClassesGone = Readonly<Record<EvictionClass, boolean>>;

/** Whether a pod, by its UID, is still saving its state. */
export type IsSaving = (uid: string) => boolean;

/** A class waits for those before it until this share of R has passed, and never longer than the limit. */
const BARRIER: Readonly<Record<EvictionClass, { readonly share: number; readonly maxMs: number }>> = {
  low: { share: 0, maxMs: 0 },
  medium: { share: 0.05, maxMs: 5_000 },
  high: { share: 0.08, maxMs: 8_000 },
  system: { share: 0.15, maxMs: 15_000 },
};
/** Of R, what those who leave first may take where classes wait for one another. */
const GRACE_SHARE = { low: 0.3, medium: 0.7 } as const;
/** Grace of 0 removes the object while containers run, and the kubelet itself leaves 2 s. */
const MIN_GRACE_S = 2;
/** The API server counts a grace from when the call reaches it, so its end may lie a call's length after ours. */
const CALL_MS = 2_000;

export function planDrain(input: DrainInput): DrainPlan {
  const window = drainWindow(input.seenAt, input.deadline, input.kind);
  const pods = input.pods
    .filter((pod) => isCovered(pod, input.self))
    .map((pod) => planPod(pod, window, input))
    .toSorted(byOrderOfLeaving);
  return { window, pods };
}

/** Pods that a drain looks at. The others die with the node, are done, or are no pods that can be evicted. */
export function isCovered(pod: Pod, self: string | null): boolean {
  return !isDaemonPod(pod) && !isMirrorPod(pod) && !isFinished(pod) && podKey(pod) !== self;
}

/**
 * The moment from which the pod may be asked to leave: S. It moves forward in time when classes before it are gone, and
 * when its state is saved.
 */
export function startOf(window: DrainWindow, pod: PlannedPod, gone: ClassesGone, saving = false): EpochMs {
  if (pod.keepMode) return pod.forceAt ?? window.seenAt;
  if (saving) return pod.hookBy;
  if (pod.class === "low") return window.seenAt;
  return epochMs(Math.max(window.seenAt, Math.min(pod.latestStart, barrierOf(window, pod.class, gone))));
}

/** The pods in the order in which they are to be asked, each with its start; those that leave anyway or stay are left out. */
export function startsOf(
  plan: DrainPlan,
  gone: ClassesGone,
  isSaving: IsSaving = () => false,
): readonly { readonly pod: PlannedPod; readonly at: EpochMs }[] {
  return plan.pods
    .filter((pod) => pod.state === "stays")
    .map((pod) => ({ pod, at: startOf(plan.window, pod, gone, pod.hook !== null && isSaving(pod.uid)) }));
}

/**
 * The final grace of an eviction that is sent at `at`. The first call carries it: once a pod terminates, its
 * grace can only be cut.
 */
export function graceAt(window: DrainWindow, pod: PlannedPod, at: EpochMs): Seconds {
  const leftMs = Math.max(0, pod.end - at);
  return seconds(Math.max(MIN_GRACE_S, Math.floor(Math.min(allowanceMs(window, pod), leftMs) / 1000)));
}

/**
 * What the class allows, before the time that is left cuts it. Low and medium are cut only where classes wait for one
 * another: where all start at once, nobody gets what they give up.
 */
function allowanceMs(window: DrainWindow, pod: PlannedPod): number {
  switch (pod.class) {
    case "low":
    case "medium":
      return window.mode === "staggered"
        ? Math.min(pod.ownGraceMs, GRACE_SHARE[pod.class] * window.usableMs)
        : pod.ownGraceMs;
    case "high":
      return pod.extend && window.kind === "real" ? Number.POSITIVE_INFINITY : pod.ownGraceMs;
    case "system":
      return pod.ownGraceMs;
  }
}

function barrierOf(window: DrainWindow, of: EvictionClass, gone: ClassesGone): number {
  if (window.mode === "parallel") return window.seenAt;
  const before = EVICTION_CLASSES.slice(0, EVICTION_CLASSES.indexOf(of));
  if (before.every((each) => gone[each])) return window.seenAt;
  const { share, maxMs } = BARRIER[of];
  return window.seenAt + Math.min(share * window.usableMs, maxMs);
}

function planPod(pod: Pod, window: DrainWindow, input: DrainInput): PlannedPod {
  const { class: evicted, unknown } = evictionClass(pod);
  const ownGraceMs = secondsToMillis(ownGrace(pod));
  const end = podEnd(pod, window);
  const limited = { class: evicted, ownGraceMs, extend: mayExtendGrace(pod), end };
  const forced = forceAt(limited, window);
  const keepMode = isKeepMode(pod);
  const leaves = isLeavingInTime(pod, end, window);
  const { kind, now, moveUnmanaged = false, dead = false } = input;
  const kept = leaves || dead ? null : keptReason(pod, { kind, now, moveUnmanaged });
  return {
    ...limited,
    key: podKey(pod),
    namespace: pod.metadata.namespace ?? "default",
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? "",
    unknownPriority: unknown,
    latestStart: epochMs(Math.max(0, end - ownGraceMs)),
    forceAt: forced,
    keepMode,
    hook: input.hookOf?.(pod) ?? null,
    // A pod that waits for its force time anyway may save its state until then.
    hookBy: keepMode && forced !== null ? forced : hookLimit(limited, window),
    state: leaves ? "leaving" : kept === null ? "stays" : "kept",
    kept,
  };
}

/** A pod that was deleted before, with a grace beyond the end, is asked again: a second call may cut its grace. */
function isLeavingInTime(pod: Pod, end: EpochMs, window: DrainWindow): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false;
  // Whoever deleted it gave it that grace; only the real end of the node is a reason to take it back.
  if (window.kind !== "real") return true;
  const goneAt = parseInstant(pod.metadata.deletionTimestamp);
  return goneAt === null || goneAt <= end + CALL_MS;
}

function byOrderOfLeaving(a: PlannedPod, b: PlannedPod): number {
  const byClass = EVICTION_CLASSES.indexOf(a.class) - EVICTION_CLASSES.indexOf(b.class);
  return byClass || a.latestStart - b.latestStart || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
