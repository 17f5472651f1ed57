// Walks a drain plan against the clock: each pod is asked to leave when its time has come, a refusal is asked
// again each second, and pods that arrive later join. Who may be asked when, and with what grace, is the plan's
// business (shared/model/drain-plan.ts); this file sends, waits and counts. It never deletes a pod.

import type {
  ClassesGone,
  DrainInput,
  DrainPlan,
  DrainWindow,
  PlannedPod,
} from "../../shared/model/drain-plan.ts";
import type { Pod } from "../../shared/model/kube.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { Random } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Seconds } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Evictor } from "../../shared/runtime/kube/client.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log, QuietLog } from "../../shared/runtime/log.ts";
import { createPulse } from "../../shared/runtime/stream.ts";
import { isVoluntary } from "./order.ts";
import type { DrainOrder } from "./order.ts";
import { classesGone, countsOf, dueNow, follow, nextDueAt } from "./tracks.ts";
import type { Counts, Track, TrackEvents, TrackState } from "./tracks.ts";

/** The arithmetic of the plan, handed over by main. */
export interface Planner {
  readonly plan: (input: DrainInput) => DrainPlan;
  readonly starts: (
    plan: DrainPlan,
    gone: ClassesGone,
  ) => readonly { readonly pod: PlannedPod; readonly at: EpochMs }[];
  readonly grace: (window: DrainWindow, pod: PlannedPod, at: EpochMs) => Seconds;
}

/** This node's pods as a watch knows them. */
export interface PodSource {
  readonly synced: boolean;
  /** Since when nothing was heard; null while the watch is open. */
  readonly staleSince: EpochMs | null;
  values(): readonly Pod[];
}

/** What the walk says on the way; nothing here may block or throw. */
export interface WalkEvents extends TrackEvents {
  readonly onWave: (of: EvictionClass, counts: Counts) => void;
  readonly onDrained: (counts: Counts) => void;
  readonly onFinal: (counts: Counts) => void;
  /** Once for each pod that the eviction API will never take while its budgets are as they are. */
  readonly onSeveralBudgets: (pod: PlannedPod, message: string) => void;
}

export interface WalkOptions extends Planner {
  /** As it stands now: the deadline may come nearer while the walk goes on. */
  readonly order: () => DrainOrder;
  /** The drain's own time line. */
  readonly now: () => EpochMs;
  readonly pods: PodSource;
  /** namespace/name of our own pod. */
  readonly self: string | null;
  readonly evict: Evictor["evict"];
  readonly events: WalkEvents;
  /** True when `drained` was said before a restart. */
  readonly drainedBefore: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Walk {
  /** Something changed: pods or the deadline. */
  poke(): void;
  counts(): Counts;
  /** Resolves at the deadline; rejects with the signal's reason when the drain is called off. */
  readonly done: Promise<void>;
}

const EVICTION_DEADLINE = millis(3_000);
/** How soon a refused eviction is tried again. Budgets that overlap are changed by people, not by time. */
const RETRY_MS = 1_000;
const RETRY_OVERLAP_MS = 5_000;
/** A drill may name a day in years; a timer takes 24 days at most, and ends at once when asked for more. */
const LONGEST_WAIT_MS = 3_600_000;

export function startWalk(options: WalkOptions): Walk {
  const pulse = createPulse(options.clock);
  const quiet = createQuietLog(options.log, options.clock);
  const tracks = new Map<string, Track>();
  return {
    poke: () => {
      pulse.trigger();
    },
    counts: () => countsOf(tracks),
    done: walk(options, tracks, pulse, quiet),
  };
}

async function walk(
  options: WalkOptions,
  tracks: Map<string, Track>,
  pulse: ReturnType<typeof createPulse>,
  quiet: QuietLog,
): Promise<void> {
  const { events, now, pods, signal } = options;
  const wavesSaid = new Set<EvictionClass>();
  let drainedSaid = options.drainedBefore;
  let finalSaid = false;

  for (;;) {
    signal.throwIfAborted();
    const order = options.order();
    const { seenAt, deadline } = order;
    const voluntary = isVoluntary(order);

    // 1. Who is on the node. Before the first list nobody is known, which is not the same as nobody.
    const plan = options.plan({ pods: pods.values(), seenAt, deadline, voluntary, self: options.self });
    if (pods.synced) follow(tracks, plan, events);

    // 2. Ask those whose time has come, in the order of the plan.
    const due = dueNow(tracks, options.starts(plan, classesGone(tracks)), now());
    for (const track of due) {
      if (!wavesSaid.has(track.pod.class)) {
        wavesSaid.add(track.pod.class);
        events.onWave(track.pod.class, countsOf(tracks));
      }
      ask(track, plan.window, options, pulse, quiet);
    }

    // 3. Say where it stands.
    const left = [...tracks.values()].filter((track) => track.state !== "gone");
    // While the watch is broken a pod may have come that nobody has seen, and an empty node is taken away.
    if (pods.synced && pods.staleSince === null && left.length === 0 && !drainedSaid) {
      drainedSaid = true;
      events.onDrained(countsOf(tracks));
    }
    // A node that really goes says its last word while it can; one that stays waits for its deadline.
    const finalAt = voluntary ? deadline : plan.window.end - 1_000;
    if (now() >= finalAt && !drainedSaid && !finalSaid) {
      finalSaid = true;
      for (const track of left) events.onPod(track.pod, "remaining");
      events.onFinal(countsOf(tracks));
    }
    if (now() >= deadline) return;

    // 4. Wait for the next thing to do: a start, a retry, the end, or a change that pokes us.
    const starts = options.starts(plan, classesGone(tracks));
    const nextAt = Math.min(
      deadline,
      finalSaid || drainedSaid ? deadline : finalAt,
      nextDueAt(tracks, starts),
    );
    const maxWaitMs = millis(Math.min(LONGEST_WAIT_MS, Math.max(1, nextAt - now())));
    await pulse.next({ minGapMs: millis(0), maxWaitMs, signal });
  }
}

/** Sends one eviction; its answer changes the track and wakes the walk. */
function ask(
  track: Track,
  window: DrainWindow,
  options: WalkOptions,
  pulse: { trigger(): void },
  quiet: QuietLog,
): void {
  const { pod } = track;
  const { now, signal, log } = options;
  track.sentAt = now();
  track.tries++;
  const graceSeconds = options.grace(window, pod, now());
  const answered = (change: { readonly state: TrackState; readonly retryInMs?: number }): void => {
    track.sentAt = null;
    track.state = change.state;
    if (change.retryInMs !== undefined) {
      track.nextTryAt = epochMs(now() + change.retryInMs * (0.8 + 0.4 * options.random()));
    }
    if (change.state === "asked" || change.state === "gone") options.events.onPod(pod, "evicted");
    pulse.trigger();
  };
  options
    .evict(
      { namespace: pod.namespace, name: pod.name, uid: pod.uid, graceSeconds },
      { signal, deadlineMs: EVICTION_DEADLINE },
    )
    .then((outcome) => {
      log.debug({ pod: pod.key, wave: pod.class, reason: outcome.kind }, "eviction answered");
      if (outcome.kind === "several-budgets" && !track.overlapReported) {
        track.overlapReported = true;
        options.events.onSeveralBudgets(pod, outcome.message);
      }
      answered(afterOutcome(outcome, track.state));
    })
    .catch((error: unknown) => {
      if (signal.aborted) return;
      // Each second for each pod: an API server that is away must not fill the node's disk with lines about it.
      quiet.log(
        pod.uid,
        "warn",
        { error, pod: pod.key, wave: pod.class },
        "eviction failed, trying again each second",
      );
      answered({ state: track.state, retryInMs: RETRY_MS });
    });
}

function afterOutcome(
  outcome: EvictionOutcome,
  before: TrackState,
): { readonly state: TrackState; readonly retryInMs?: number } {
  switch (outcome.kind) {
    case "accepted":
    case "namespace-terminating":
      return { state: "asked" };
    case "gone":
    case "replaced":
      return { state: "gone" };
    case "budget-blocked":
      // The server's own advice of 10 s is longer than a notice can wait.
      return { state: "blocked", retryInMs: RETRY_MS };
    case "several-budgets":
      return { state: "blocked", retryInMs: RETRY_OVERLAP_MS };
    case "throttled":
      return { state: before, retryInMs: Math.min(outcome.retryAfterMs ?? RETRY_MS, RETRY_MS) };
  }
}
