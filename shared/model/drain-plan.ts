// When each pod is asked to leave and how much grace it gets, from the pods, the deadline and the moment at
// which the end was known. Pure arithmetic: nothing is sent and nobody waits here. The order of the classes
// never costs a pod grace that it would have had in a plain drain of everything at once: a pod that needs more
// than is left starts at once, whatever its class.

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
import { epochMs, millis, seconds, secondsToMillis } from "./units.ts";
import type { EpochMs, Millis, Seconds } from "./units.ts";

/**
 * `real`: the machine goes, so pods may be forced out and high ones get all the time that is left. `drill`: as if it went,
 * with budgets that hold and pods that stay where they must not be moved. `request`: likewise, and a pod that stays keeps
 * the node from being empty.
 */
export type DrainKind = "real" | "drill" | "request";

/** The pods of a drain and the frame of time that holds for all of them. */
export interface DrainPlan {
  readonly window: DrainWindow;
  /** In the order in which they leave when nothing else decides: by class, then by the latest start that fits. */
  readonly pods: readonly PlannedPod[];
}

export interface DrainWindow {
  /** When the end of the node was known: t0. */
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  /** Containers have stopped and volumes are unmounted by then: E, the deadline less a margin. */
  readonly end: EpochMs;
  /** R: from `seenAt` to `end`. */
  readonly usableMs: Millis;
  /** `parallel`: too little time to stagger, all classes start at once and only the order of the calls is kept. */
  readonly mode: "parallel" | "staggered";
  /** Nobody is forced: budgets hold and no pod gets more than its own grace. */
  readonly voluntary: boolean;
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
  /** `leaving`: deleted already and gone in time, so it is watched and not asked. */
  readonly state: "stays" | "leaving";
}

export interface DrainInput {
  readonly pods: readonly Pod[];
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly voluntary: boolean;
  /** namespace/name of the pod that runs this code, which is never evicted. */
  readonly self: string | null;
}

/** Which classes have nobody left on the node. */
export type ClassesGone = Readonly<Record<EvictionClass, boolean>>;

const MARGIN = { share: 0.05, minMs: 2_000, maxMs: 5_000 } as const;
/** Below this there is no time to stagger. */
const PARALLEL_BELOW_MS = 45_000;
/** An attached volume needs so long after the last container that used it. */
const DETACH_MS = 10_000;
/** A class waits for those before it until this share of R has passed, and never longer than the limit. */
const BARRIER: Readonly<Record<EvictionClass, { readonly share: number; readonly maxMs: number }>> = {
  low: { share: 0, maxMs: 0 },
  medium: { share: 0.05, maxMs: 5_000 },
  high: { share: 0.08, maxMs: 8_000 },
  system: { share: 0.15, maxMs: 15_000 },
};
/** Grace of 0 removes the object while containers run, and the kubelet itself leaves 2 s. */
const MIN_GRACE_S = 2;

export function planDrain(input: DrainInput): DrainPlan {
  const window = drainWindow(input.seenAt, input.deadline, input.voluntary);
  const pods = input.pods
    .filter((pod) => isCovered(pod, input.self))
    .map((pod) => planPod(pod, window))
    .toSorted(byOrderOfLeaving);
  return { window, pods };
}

export function drainWindow(seenAt: EpochMs, deadline: EpochMs, voluntary: boolean): DrainWindow {
  const noticeMs = Math.max(0, deadline - seenAt);
  const marginMs = Math.min(MARGIN.maxMs, Math.max(MARGIN.minMs, MARGIN.share * noticeMs));
  const end = epochMs(Math.max(seenAt, deadline - marginMs));
  const usableMs = millis(end - seenAt);
  const mode = usableMs < PARALLEL_BELOW_MS ? "parallel" : "staggered";
  return { seenAt, deadline, end, usableMs, mode, voluntary };
}

/** Pods that a drain moves. The others die with the node, are done, or are no pods that can be evicted. */
export function isCovered(pod: Pod, self: string | null): boolean {
  return !isDaemonPod(pod) && !isMirrorPod(pod) && !isFinished(pod) && podKey(pod) !== self;
}

/** The moment from which the pod may be asked to leave: S. It moves forward in time when classes before it are gone. */
export function startOf(window: DrainWindow, pod: PlannedPod, gone: ClassesGone): EpochMs {
  if (pod.class === "low") return window.seenAt;
  return epochMs(Math.max(window.seenAt, Math.min(pod.latestStart, barrierOf(window, pod.class, gone))));
}

/** The pods in the order in which they are to be asked, each with its start; those that leave anyway are left out. */
export function startsOf(
  plan: DrainPlan,
  gone: ClassesGone,
): readonly { readonly pod: PlannedPod; readonly at: EpochMs }[] {
  return plan.pods
    .filter((pod) => pod.state === "stays")
    .map((pod) => ({ pod, at: startOf(plan.window, pod, gone) }));
}

/**
 * The final grace of an eviction that is sent at `at`. The first call carries it: once a pod terminates, its
 * grace can only be cut.
 */
export function graceAt(window: DrainWindow, pod: PlannedPod, at: EpochMs): Seconds {
  const leftMs = Math.max(0, pod.end - at);
  return seconds(Math.max(MIN_GRACE_S, Math.floor(Math.min(allowanceMs(window, pod), leftMs) / 1000)));
}

/** What the class allows, before the time that is left cuts it. */
function allowanceMs(window: DrainWindow, pod: PlannedPod): number {
  switch (pod.class) {
    case "low":
      return window.mode === "staggered" ? Math.min(pod.ownGraceMs, 0.3 * window.usableMs) : pod.ownGraceMs;
    case "medium":
      return Math.min(pod.ownGraceMs, 0.7 * window.usableMs);
    case "high":
      return pod.extend && !window.voluntary ? Number.POSITIVE_INFINITY : pod.ownGraceMs;
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

function planPod(pod: Pod, window: DrainWindow): PlannedPod {
  const { class: evicted, unknown } = evictionClass(pod);
  const hasVolume = pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim !== undefined) ?? false;
  const detachMs = hasVolume && window.mode === "staggered" ? DETACH_MS : 0;
  const end = epochMs(Math.max(window.seenAt, window.end - detachMs));
  const ownGraceMs = secondsToMillis(ownGrace(pod));
  return {
    key: podKey(pod),
    namespace: pod.metadata.namespace ?? "default",
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? "",
    class: evicted,
    unknownPriority: unknown,
    ownGraceMs,
    extend: mayExtendGrace(pod),
    end,
    latestStart: epochMs(Math.max(0, end - ownGraceMs)),
    state: isLeavingInTime(pod, end, window.voluntary) ? "leaving" : "stays",
  };
}

/** A pod that was deleted before, with a grace beyond the end, is asked again: a second call may cut its grace. */
function isLeavingInTime(pod: Pod, end: EpochMs, voluntary: boolean): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false;
  // Whoever deleted it gave it that grace; only the real end of the node is a reason to take it back.
  if (voluntary) return true;
  const goneAt = parseInstant(pod.metadata.deletionTimestamp);
  return goneAt === null || goneAt <= end;
}

function byOrderOfLeaving(a: PlannedPod, b: PlannedPod): number {
  const byClass = EVICTION_CLASSES.indexOf(a.class) - EVICTION_CLASSES.indexOf(b.class);
  return byClass || a.latestStart - b.latestStart || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
