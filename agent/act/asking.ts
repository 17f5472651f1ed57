// Sends one word to one pod, an eviction or a DELETE, and brings its answer into the pod's track. Who is asked when is
// for due.ts and the plan; nothing is decided here but what an answer means.

import { graceAt } from "../../shared/model/drain-plan.ts";
import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import type { DrainWindow } from "../../shared/model/drain-window.ts";
import type { Random } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Seconds } from "../../shared/model/units.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { Evictor } from "../../shared/runtime/kube/client.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import type { Log, QuietLog } from "../../shared/runtime/log.ts";
import type { Asked } from "./asked.ts";
import { callDeadlineMs, retryAfterMs } from "./due.ts";
import type { Due } from "./due.ts";
import type { Removal, Remover } from "./remove.ts";
import type { Call, PodOutcome, Track, TrackState } from "./tracks.ts";

export interface AskContext {
  readonly window: DrainWindow;
  readonly evict: Evictor["evict"];
  readonly remove: Remover;
  readonly asked: Asked;
  readonly onPod: (pod: PlannedPod, outcome: PodOutcome) => void;
  /** Once for each pod that the eviction API will never take while its budgets are as they are. */
  readonly onSeveralBudgets: (pod: PlannedPod, message: string) => void;
  /** The track has changed. */
  readonly onAnswer: () => void;
  readonly now: () => EpochMs;
  readonly random: Random;
  readonly log: Log;
  readonly quiet: QuietLog;
  readonly signal: AbortSignal;
}

/** Budgets that overlap are changed by people, not by time. */
const RETRY_OVERLAP_MS = millis(5_000);
/** How long the condition on a pod may hold its DELETE up, and the share of R. */
const CONDITION = { mostMs: 200, share: 0.02 } as const;

export function ask({ track, how }: Due, context: AskContext): void {
  const { pod } = track;
  const { window, now, signal, log } = context;
  const stop = new AbortController();
  const call: Call = {
    how,
    sentAt: now(),
    abandon: () => {
      stop.abort(new Error("another call took its place"));
    },
  };
  track.call?.abandon();
  track.call = call;
  track.tries++;
  track.last = how;
  const graceSeconds = graceAt(window, pod, now());
  if (track.tries === 1) context.asked.note(pod, now(), graceSeconds);

  const settle = (change: Change): void => {
    track.call = null;
    if (change.retryInMs !== undefined) {
      track.state = change.state ?? track.state;
      track.nextTryAt = epochMs(now() + change.retryInMs * (0.8 + 0.4 * context.random()));
      // The watch may know already that the call whose answer was lost was taken.
      if (track.state === "asked" || track.state === "gone") took(track, how, context);
    } else {
      track.state = change.state;
      // A pod that was gone before the DELETE came was not forced.
      took(track, change.state === "gone" ? "evict" : how, context);
    }
    context.onAnswer();
  };
  send(track, how, graceSeconds, {
    ...context,
    signal: AbortSignal.any([signal, stop.signal]),
  }).then(
    (change) => {
      if (track.call !== call) return;
      track.failures = 0;
      settle(change);
    },
    (error: unknown) => {
      if (signal.aborted || track.call !== call) return;
      // Again and again for each pod: an API server that is away must not fill the node's disk with lines about it.
      const fields = { error, pod: pod.key, wave: pod.class };
      context.quiet.log(
        `${pod.uid} ${how}`,
        "warn",
        fields,
        how === "evict" ? "eviction failed, trying again" : "deleting past the budgets failed, trying again",
      );
      // Who may not delete may still evict, once a budget lets it.
      if (how === "delete" && kindOf(error) === "denied") track.last = null;
      track.failures++;
      settle({ retryInMs: retryOf(error, retryAfterMs(window, track.failures)) });
    },
  );
  log.debug({ pod: pod.key, wave: pod.class, reason: how }, "pod asked to leave");
}

/** What comes of an answer: a state that is final, or another try. */
type Change =
  | { readonly state: "asked" | "gone"; readonly retryInMs?: undefined }
  | { readonly state?: TrackState; readonly retryInMs: Millis };

async function send(
  track: Track,
  how: Due["how"],
  graceSeconds: Seconds,
  context: AskContext,
): Promise<Change> {
  const { pod } = track;
  const { window, signal } = context;
  const limits = { signal, deadlineMs: callDeadlineMs(window) };
  if (how === "delete") {
    const conditionWithinMs = track.conditionTried
      ? null
      : millis(Math.min(CONDITION.mostMs, CONDITION.share * window.usableMs));
    track.conditionTried = true;
    return { state: REMOVED[await context.remove(pod, { graceSeconds, conditionWithinMs }, limits)] };
  }
  const { namespace, name, uid } = pod;
  const outcome = await context.evict({ namespace, name, uid, graceSeconds }, limits);
  context.log.debug({ pod: pod.key, wave: pod.class, reason: outcome.kind }, "eviction answered");
  if (outcome.kind === "several-budgets" && !track.overlap) {
    track.overlap = true;
    context.onSeveralBudgets(pod, outcome.message);
  }
  return afterEviction(outcome, retryAfterMs(window));
}

const REMOVED: Readonly<Record<Removal, "asked" | "gone">> = {
  accepted: "asked",
  gone: "gone",
  replaced: "gone",
};

function took(track: Track, how: Due["how"], { onPod }: AskContext): void {
  track.forced = how === "delete";
  onPod(track.pod, how === "delete" ? "forced" : "evicted");
}

function afterEviction(outcome: EvictionOutcome, retryMs: Millis): Change {
  switch (outcome.kind) {
    case "accepted":
    case "namespace-terminating":
      return { state: "asked" };
    case "gone":
    case "replaced":
      return { state: "gone" };
    case "budget-blocked":
      // The server's own advice of 10 s is longer than a notice can wait.
      return { state: "blocked", retryInMs: BUDGET_RETRY_MS };
    case "several-budgets":
      return { state: "blocked", retryInMs: RETRY_OVERLAP_MS };
    case "throttled":
      return { retryInMs: millis(Math.min(outcome.retryAfterMs ?? retryMs, retryMs)) };
  }
}

/** A budget changes when another pod is ready: asking more often than each second only costs the API server. */
const BUDGET_RETRY_MS = millis(1_000);

function retryOf(error: unknown, retryMs: Millis): Millis {
  const asked = error instanceof AppError ? error.retryAfterMs : null;
  return millis(Math.min(asked ?? retryMs, retryMs));
}
