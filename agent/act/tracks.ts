// Where each pod of a drain stands: not asked, refused so far, asked, gone. Bookkeeping for walk.ts, without
// calls and without a clock: it answers who is due now, when somebody is due next, and how many are where.

import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { ClassesGone, DrainPlan, PlannedPod } from "../../shared/model/drain-plan.ts";
import { EVICTION_CLASSES } from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { EpochMs } from "../../shared/model/units.ts";

export type Counts = DrainReport["counts"];
export type PodOutcome = "evicted" | "left" | "remaining";
export type Tracks = ReadonlyMap<string, Track>;

export interface TrackEvents {
  readonly onPod: (pod: PlannedPod, outcome: PodOutcome) => void;
  /** Once for each pod whose priority annotation says something unknown. */
  readonly onUnknownPriority: (pod: PlannedPod) => void;
}

/** Evictions that may be out at the same time. */
const AT_ONCE = 10;
/**
 * Calls go out over several connections and may overtake each other. A class waits so long for the answers of the
 * class before it, so that they reach the API server in order; a slow server does not hold the next class up.
 */
const OVERTAKE_AFTER_MS = 150;

/** `waiting`: not asked, or not answered; `blocked`: refused by a budget so far; `asked`: accepted. */
export type TrackState = "waiting" | "blocked" | "asked" | "gone";

export interface Track {
  pod: PlannedPod;
  state: TrackState;
  /** When the call that is out was sent; null when none is. */
  sentAt: number | null;
  nextTryAt: number;
  /** Calls sent so far. */
  tries: number;
  overlapReported: boolean;
}

/** Brings the tracks in line with the pods that are there. */
export function follow(tracks: Map<string, Track>, plan: DrainPlan, events: TrackEvents): void {
  const present = new Set<string>();
  for (const pod of plan.pods) {
    present.add(pod.uid);
    const track = tracks.get(pod.uid);
    if (track !== undefined) {
      track.pod = pod;
      // Somebody else deleted it, or our call was taken although its answer was lost.
      if (pod.state === "leaving" && (track.state === "waiting" || track.state === "blocked"))
        track.state = "asked";
      continue;
    }
    const state = pod.state === "leaving" ? "asked" : "waiting";
    tracks.set(pod.uid, { pod, state, sentAt: null, nextTryAt: 0, tries: 0, overlapReported: false });
    if (pod.unknownPriority !== null) events.onUnknownPriority(pod);
  }
  for (const [uid, track] of tracks) {
    if (present.has(uid) || track.state === "gone" || track.sentAt !== null) continue;
    if (track.state === "asked") {
      track.state = "gone";
    } else {
      // It ended by itself, so the drain never had to cover it.
      events.onPod(track.pod, "left");
      tracks.delete(uid);
    }
  }
}

export function dueNow(
  tracks: Tracks,
  starts: readonly { readonly pod: PlannedPod; readonly at: EpochMs }[],
  now: EpochMs,
): readonly Track[] {
  const room = AT_ONCE - inFlight(tracks);
  const held = heldUntil(tracks);
  const open = starts.flatMap(({ pod, at }) => {
    const track = tracks.get(pod.uid);
    return track === undefined || !isOpen(track) || Math.max(at, track.nextTryAt) > now ? [] : [track];
  });
  // 1. Those that were never asked. Those that are about to be sent count like those that are out.
  const due: Track[] = [];
  for (const track of open) {
    const { pod, tries } = track;
    if (due.length >= room) break;
    if (tries === 0 && held[pod.class] <= now && !due.some((one) => isBefore(one.pod, pod))) due.push(track);
  }
  // 2. Those that were refused, with the places that are left and the longest wait first: a crowd that budgets block
  //    and that is asked again each second must not keep anybody from being asked.
  const again = open.filter((track) => track.tries > 0).toSorted((a, b) => a.nextTryAt - b.nextTryAt);
  return [...due, ...again.slice(0, Math.max(0, room - due.length))];
}

export function nextDueAt(
  tracks: Tracks,
  starts: readonly { readonly pod: PlannedPod; readonly at: EpochMs }[],
): number {
  // With all places taken, the next answer wakes the walk.
  if (inFlight(tracks) >= AT_ONCE) return Number.POSITIVE_INFINITY;
  const held = heldUntil(tracks);
  let next = Number.POSITIVE_INFINITY;
  for (const { pod, at } of starts) {
    const track = tracks.get(pod.uid);
    if (track !== undefined && isOpen(track))
      next = Math.min(next, Math.max(at, track.nextTryAt, track.tries === 0 ? held[pod.class] : 0));
  }
  return next;
}

/** From when on a class may be asked although first calls for a class before it are out. */
function heldUntil(tracks: Tracks): Readonly<Record<EvictionClass, number>> {
  const held: Record<EvictionClass, number> = { low: 0, medium: 0, high: 0, system: 0 };
  for (const { pod, sentAt, tries } of tracks.values()) {
    if (sentAt === null || tries > 1) continue;
    for (const later of EVICTION_CLASSES.slice(EVICTION_CLASSES.indexOf(pod.class) + 1))
      held[later] = Math.max(held[later], sentAt + OVERTAKE_AFTER_MS);
  }
  return held;
}

function isBefore(a: PlannedPod, b: PlannedPod): boolean {
  return EVICTION_CLASSES.indexOf(a.class) < EVICTION_CLASSES.indexOf(b.class);
}

export function classesGone(tracks: Tracks): ClassesGone {
  const gone: Record<EvictionClass, boolean> = { low: true, medium: true, high: true, system: true };
  for (const track of tracks.values()) if (track.state !== "gone") gone[track.pod.class] = false;
  return gone;
}

/** Still to be asked, and no call is out. */
function isOpen(track: Track): boolean {
  return track.sentAt === null && (track.state === "waiting" || track.state === "blocked");
}

function inFlight(tracks: Tracks): number {
  let count = 0;
  for (const track of tracks.values()) if (track.sentAt !== null) count++;
  return count;
}

function countIn(tracks: Tracks, state: TrackState): number {
  let count = 0;
  for (const track of tracks.values()) if (track.state === state) count++;
  return count;
}

export function countsOf(tracks: Tracks): Counts {
  const gone = countIn(tracks, "gone");
  return {
    evicted: countIn(tracks, "asked") + gone,
    gone,
    blocked: countIn(tracks, "blocked"),
    waiting: countIn(tracks, "waiting"),
  };
}

/** How many pods a drain would have to move, by class. */
export function podsByClass(plan: DrainPlan): Readonly<Record<EvictionClass, number>> {
  const counts: Record<EvictionClass, number> = { low: 0, medium: 0, high: 0, system: 0 };
  for (const name of EVICTION_CLASSES) counts[name] = plan.pods.filter((pod) => pod.class === name).length;
  return counts;
}
