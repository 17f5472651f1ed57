// Where each pod of a drain stands: not asked, refused so far, asked, gone, or left where it is. Bookkeeping for walk.ts,
// without calls and without a clock; who is to be asked next is for due.ts.

import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { ClassesGone, DrainPlan, PlannedPod } from "../../shared/model/drain-plan.ts";
import { EVICTION_CLASSES } from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";

export type Counts = { readonly [Name in keyof Required<DrainReport["counts"]>]: number };
export const NOTHING_COUNTED: Counts = { evicted: 0, gone: 0, blocked: 0, waiting: 0, forced: 0, kept: 0 };

/** `forced`: deleted past its budgets, instead of `evicted`. `kept`: a voluntary drain leaves it; `PlannedPod.kept` says why. */
export type PodOutcome = "evicted" | "forced" | "left" | "remaining" | "kept";

export interface TrackEvents {
  readonly onPod: (pod: PlannedPod, outcome: PodOutcome) => void;
  /** Once for each pod whose priority annotation says something unknown. */
  readonly onUnknownPriority: (pod: PlannedPod) => void;
}

/** `waiting`: not asked, or not answered; `blocked`: refused by a budget so far; `asked`: accepted. */
export type TrackState = "waiting" | "blocked" | "asked" | "gone" | "kept";

export type How = "evict" | "delete";

/** A call that is out. */
export interface Call {
  readonly how: How;
  readonly sentAt: number;
  /** Ends the call; its answer then changes nothing. */
  abandon(): void;
}

export interface Track {
  pod: PlannedPod;
  state: TrackState;
  call: Call | null;
  nextTryAt: number;
  /** Calls sent so far, and how many of the last ones in a row failed without an answer that means anything. */
  tries: number;
  failures: number;
  /** How it was asked last. Null also after a DELETE that is not allowed: then an eviction is next. */
  last: How | null;
  /** The condition that names who deletes it was tried. */
  conditionTried: boolean;
  /** Several budgets select it: the eviction API refuses it for ever. */
  overlap: boolean;
  forced: boolean;
}

/** Brings the tracks in line with the pods that are there. */
export function follow(tracks: Map<string, Track>, plan: DrainPlan, events: TrackEvents): void {
  const present = new Set<string>();
  for (const pod of plan.pods) {
    present.add(pod.uid);
    const track = tracks.get(pod.uid);
    if (track === undefined) {
      tracks.set(pod.uid, newTrack(pod));
      if (pod.unknownPriority !== null) events.onUnknownPriority(pod);
      if (pod.state === "kept") events.onPod(pod, "kept");
      continue;
    }
    track.pod = pod;
    if (track.state === "asked" || track.state === "gone") continue;
    const before = track.state;
    // Somebody else deleted it, or our call was taken although its answer was lost.
    if (pod.state === "leaving") track.state = "asked";
    else if (pod.state === "kept") track.state = "kept";
    // Nobody is kept on a machine that turns out to go.
    else if (before === "kept") track.state = "waiting";
    if (track.state === "kept" && before !== "kept") events.onPod(pod, "kept");
  }
  for (const [uid, track] of tracks) {
    if (present.has(uid) || track.state === "gone" || track.call !== null) continue;
    if (track.state === "asked") {
      track.state = "gone";
    } else {
      // It ended by itself, so the drain never had to cover it.
      if (track.state !== "kept") events.onPod(track.pod, "left");
      tracks.delete(uid);
    }
  }
}

function newTrack(pod: PlannedPod): Track {
  const state = { leaving: "asked", kept: "kept", stays: "waiting" } as const;
  return {
    pod,
    state: state[pod.state],
    call: null,
    nextTryAt: 0,
    tries: 0,
    failures: 0,
    last: null,
    conditionTried: false,
    overlap: false,
    forced: false,
  };
}

/** Pods that the drain has still to move. */
export function leftOf(tracks: ReadonlyMap<string, Track>): readonly Track[] {
  return [...tracks.values()].filter(({ state }) => state !== "gone" && state !== "kept");
}

export function classesGone(tracks: ReadonlyMap<string, Track>): ClassesGone {
  const gone: Record<EvictionClass, boolean> = { low: true, medium: true, high: true, system: true };
  for (const { pod } of leftOf(tracks)) gone[pod.class] = false;
  return gone;
}

export function countsOf(tracks: ReadonlyMap<string, Track>): Counts {
  const all = [...tracks.values()];
  const count = (is: (track: Track) => boolean): number => all.filter(is).length;
  return {
    evicted: count(({ state }) => state === "asked" || state === "gone"),
    gone: count(({ state }) => state === "gone"),
    blocked: count(({ state }) => state === "blocked"),
    waiting: count(({ state }) => state === "waiting"),
    forced: count(({ forced }) => forced),
    kept: count(({ state }) => state === "kept"),
  };
}

/** How many pods a drain would have to move, by class. */
export function podsByClass({ pods }: DrainPlan): Readonly<Record<EvictionClass, number>> {
  const counts: Record<EvictionClass, number> = { low: 0, medium: 0, high: 0, system: 0 };
  for (const name of EVICTION_CLASSES)
    counts[name] = pods.filter((pod) => pod.class === name && pod.state !== "kept").length;
  return counts;
}
