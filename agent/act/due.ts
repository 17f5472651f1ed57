// Who is to be asked now, and when somebody is next: the order of the first calls, the repetition of those that were
// refused, and force when its time has come. Nothing is sent here, and there is no clock.

import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import { isHasty } from "../../shared/model/drain-window.ts";
import type { DrainWindow } from "../../shared/model/drain-window.ts";
import { EVICTION_CLASSES } from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { How, Track } from "./tracks.ts";

export interface Due {
  readonly track: Track;
  readonly how: How;
}

export interface DueInput {
  readonly tracks: ReadonlyMap<string, Track>;
  /** In the order of the plan. */
  readonly starts: readonly { readonly pod: PlannedPod; readonly at: EpochMs }[];
  readonly window: DrainWindow;
}

/** Calls that may be out at the same time: so few by default, and never more. */
const AT_ONCE = { least: 10, most: 256 } as const;
/**
 * An API server that takes a second for each answer is reckoned with: all pods are asked for the first time within this
 * share of R even then, so that there is time left for a second word.
 */
const ASKED_ONCE = { answerMs: 1_000, share: 0.25 } as const;
/**
 * Calls go out over several connections and may overtake each other. A class waits so long for the answers of the
 * class before it, so that they reach the API server in order; a slow server does not hold the next class up.
 */
const OVERTAKE_AFTER_MS = 150;
/** An eviction without an answer holds its pod's force up for so long; it may hang in a budget that is being written. */
const GIVE_UP_AFTER_MS = 1_200;
/**
 * A failed call is repeated so often within R that bad luck alone does not use it up; each second where there is time, and
 * sooner for the first two, since most failures are over with the next call and each second is one of the pod's.
 */
const RETRY = { firstMs: 250, firstCalls: 8, share: 0.05, leastMs: 200, mostMs: 1_000 } as const;
/** How long a call may take: its share of R, so that one lost connection does not cost the whole notice. */
const CALL = { share: 0.25, leastMs: 1_500, mostMs: 3_000 } as const;

/** `failures`: how many calls to the pod have failed in a row. */
export function retryAfterMs({ usableMs }: DrainWindow, failures = Infinity): Millis {
  const mostMs = Math.min(RETRY.mostMs, Math.max(RETRY.leastMs, RETRY.share * usableMs));
  return millis(failures <= RETRY.firstCalls ? Math.min(mostMs, RETRY.firstMs) : mostMs);
}

export function callDeadlineMs({ usableMs }: DrainWindow): Millis {
  return millis(Math.min(CALL.mostMs, Math.max(CALL.leastMs, CALL.share * usableMs)));
}

/** Calls at the same time for so many pods. */
export function callsAtOnce(window: DrainWindow, pods: number): number {
  const askedMs = ASKED_ONCE.share * window.usableMs;
  const wanted = isHasty(window) ? pods : Math.ceil((pods * ASKED_ONCE.answerMs) / Math.max(1, askedMs));
  return Math.min(AT_ONCE.most, Math.max(AT_ONCE.least, wanted));
}

export function dueNow(input: DueInput, now: EpochMs): readonly Due[] {
  const { tracks, window } = input;
  const open = openIn(input);
  const room = roomIn(tracks, window);
  const held = heldUntil(tracks);

  // 1. Force takes the place of an eviction that hangs, and so needs none of its own.
  const taken = open
    .filter(({ track, at }) => track.call !== null && (takeOverAt(track, at, window) ?? Infinity) <= now)
    .map(({ track }): Due => ({ track, how: "delete" }));
  // 2. Those that were never asked. Those that are about to be sent count like those that are out.
  const first: Due[] = [];
  for (const { track, at } of open) {
    if (first.length >= room) break;
    const { pod, tries, call } = track;
    if (call !== null || tries > 0 || Math.max(at, held[pod.class]) > now) continue;
    if (!first.some((one) => isBefore(one.track.pod, pod))) first.push({ track, how: "evict" });
  }
  // 3. Those that were refused, with the places that are left: who is to be forced before who is asked again, and the
  //    longest wait first. A crowd that budgets block and that is asked again each second keeps nobody from being asked.
  const again = open
    .filter(({ track }) => track.call === null && track.tries > 0)
    .map(({ track, at }) => ({ track, ...nextFor(track, at, window) }))
    .filter((one) => one.at <= now)
    .toSorted((a, b) => (a.how === b.how ? a.at - b.at : a.how === "delete" ? -1 : 1));
  return [...taken, ...first, ...again.slice(0, Math.max(0, room - first.length))];
}

/** When somebody is due next; infinity when only an answer or a change brings that about. */
export function nextDueAt(input: DueInput): number {
  const { tracks, window } = input;
  const open = openIn(input);
  // With all places taken, the next answer wakes the walk.
  const isFull = roomIn(tracks, window) <= 0;
  const held = heldUntil(tracks);
  let next = Number.POSITIVE_INFINITY;
  for (const { track, at } of open) {
    if (track.call !== null) next = Math.min(next, takeOverAt(track, at, window) ?? next);
    else if (isFull) continue;
    else if (track.tries === 0) next = Math.min(next, Math.max(at, held[track.pod.class]));
    else next = Math.min(next, nextFor(track, at, window).at);
  }
  return next;
}

interface Open {
  readonly track: Track;
  readonly at: EpochMs;
}

/** Still to be asked. */
function openIn({ tracks, starts }: DueInput): readonly Open[] {
  return starts.flatMap(({ pod, at }) => {
    const track = tracks.get(pod.uid);
    const isOpen = track !== undefined && (track.state === "waiting" || track.state === "blocked");
    return isOpen ? [{ track, at }] : [];
  });
}

/** The next word to a pod that was asked before. */
function nextFor(track: Track, startAt: EpochMs, window: DrainWindow): { how: How; at: number } {
  const forceAt = forceFrom(track, startAt, window);
  if (track.last === "delete") return { how: "delete", at: track.nextTryAt };
  if (forceAt === null || track.last === null || track.nextTryAt < forceAt)
    return { how: "evict", at: track.nextTryAt };
  // Force does not wait for the next try: that is up to a second away.
  return { how: "delete", at: forceAt };
}

/** From when on a DELETE takes the place of an eviction that is out; null: it does not. */
function takeOverAt({ call, ...track }: Track, startAt: EpochMs, window: DrainWindow): number | null {
  const forceAt = forceFrom(track, startAt, window);
  if (call === null || call.how === "delete" || forceAt === null) return null;
  return Math.max(forceAt, call.sentAt + GIVE_UP_AFTER_MS);
}

/** A pod is asked before it is forced: one whose start lies after its force time is not forced before that. */
function forceFrom(
  { pod, overlap }: Pick<Track, "pod" | "overlap">,
  startAt: EpochMs,
  window: DrainWindow,
): number | null {
  if (pod.forceAt === null) return null;
  // Several budgets refuse it for ever: where there is no time to stagger there is none to wait for people either.
  return overlap && window.mode === "parallel" ? startAt : Math.max(pod.forceAt, startAt);
}

/** From when on a class may be asked although first calls for a class before it are out. */
function heldUntil(tracks: ReadonlyMap<string, Track>): Readonly<Record<EvictionClass, number>> {
  const held: Record<EvictionClass, number> = { low: 0, medium: 0, high: 0, system: 0 };
  for (const { pod, call, tries } of tracks.values()) {
    if (call === null || tries > 1) continue;
    for (const later of EVICTION_CLASSES.slice(EVICTION_CLASSES.indexOf(pod.class) + 1))
      held[later] = Math.max(held[later], call.sentAt + OVERTAKE_AFTER_MS);
  }
  return held;
}

function isBefore(a: PlannedPod, b: PlannedPod): boolean {
  return EVICTION_CLASSES.indexOf(a.class) < EVICTION_CLASSES.indexOf(b.class);
}

/** Counted by all pods of the drain and not by those still to be asked: the last of them must not be asked more slowly. */
function roomIn(tracks: ReadonlyMap<string, Track>, window: DrainWindow): number {
  let pods = 0;
  let out = 0;
  for (const { state, call } of tracks.values()) {
    if (state !== "kept") pods++;
    if (call !== null) out++;
  }
  return callsAtOnce(window, pods) - out;
}
