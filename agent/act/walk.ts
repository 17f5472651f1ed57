// Walks a drain plan against the clock: each pod is asked to leave when its time has come, a refusal is asked again, a pod
// that budgets hold on a machine that goes is deleted at its force time, and pods that arrive later join. Who may be asked
// when, and with what grace, is the plan's business (shared/model/drain-plan.ts); this file waits and says where it stands.

import { startsOf } from "../../shared/model/drain-plan.ts";
import type { DrainWindow } from "../../shared/model/drain-window.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Evictor } from "../../shared/runtime/kube/client.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { createPulse } from "../../shared/runtime/stream.ts";
import type { Pulse } from "../../shared/runtime/stream.ts";
import type { Asked } from "./asked.ts";
import { ask } from "./asking.ts";
import type { AskContext } from "./asking.ts";
import { dueNow, nextDueAt } from "./due.ts";
import { drainKind } from "./order.ts";
import type { DrainOrder } from "./order.ts";
import { planNow } from "./planning.ts";
import type { PlanOptions } from "./planning.ts";
import type { Remover } from "./remove.ts";
import type { Saving } from "./saving.ts";
import { classesGone, countsOf, follow, leftOf } from "./tracks.ts";
import type { Counts, Track, TrackEvents } from "./tracks.ts";

/** What the walk says on the way; nothing here may block or throw. */
export interface WalkEvents extends TrackEvents, Pick<AskContext, "onSeveralBudgets"> {
  readonly onWave: (of: EvictionClass, counts: Counts) => void;
  readonly onDrained: (counts: Counts) => void;
  readonly onFinal: (counts: Counts) => void;
  /** The machine still runs a minute after it should have gone. */
  readonly onSurvived: (counts: Counts) => void;
}

export interface WalkOptions extends PlanOptions {
  /** As it stands now: the deadline may come nearer, and the notice be confirmed, while the walk goes on. */
  readonly order: () => DrainOrder;
  /** The drain's own time line. */
  readonly now: () => EpochMs;
  readonly evict: Evictor["evict"];
  /** Only called on a machine that really goes. */
  readonly remove: Remover;
  readonly asked: Asked;
  readonly saving: Saving;
  readonly events: WalkEvents;
  /** What was said before this walk, by an earlier process or an earlier walk. */
  readonly saidBefore: { readonly drained: boolean; readonly final: boolean };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Walk {
  /** Something changed: pods, their state, or the order. */
  poke(): void;
  counts(): Counts;
  /**
   * Resolves at the deadline, or, when the machine should have gone by then, when it has survived it by a minute; rejects
   * with the signal's reason when the drain is called off.
   */
  readonly done: Promise<void>;
}

/** A machine that still runs so long after its deadline stays. */
export const SURVIVED_AFTER_MS = 60_000;
/** The last word of a machine that goes comes so long before the end, and so long after the first at the earliest. */
const LAST_WORD_MS = 1_000;
/** A drill may name a day in years; a timer takes 24 days at most, and ends at once when asked for more. */
const LONGEST_WAIT_MS = 3_600_000;
/** A pod that stays may stop to refuse without a word. */
const KEPT_AGAIN_MS = 30_000;

/** When the walk has nothing more to say or do. */
export function walkEndsAt(order: DrainOrder): number {
  return drainKind(order) === "real" ? order.deadline + SURVIVED_AFTER_MS : order.deadline;
}

export function startWalk(options: WalkOptions): Walk {
  const pulse = createPulse(options.clock);
  const tracks = new Map<string, Track>();
  return {
    poke: () => {
      pulse.trigger();
    },
    counts: () => countsOf(tracks),
    done: walk(options, tracks, pulse),
  };
}

async function walk(options: WalkOptions, tracks: Map<string, Track>, pulse: Pulse): Promise<void> {
  const { events, now, pods, signal, saving } = options;
  const quiet = createQuietLog(options.log, options.clock);
  const wavesSaid = new Set<EvictionClass>();
  const said = { ...options.saidBefore };

  for (;;) {
    signal.throwIfAborted();
    const order = options.order();
    const endsAt = walkEndsAt(order);
    const isReal = endsAt > order.deadline;
    if (isReal && now() >= endsAt) {
      events.onSurvived(countsOf(tracks));
      return;
    }

    // 1. Who is on the node. Before the first list nobody is known, which is not the same as nobody.
    const plan = planNow(options, order, now());
    const { window } = plan;
    if (pods.synced) follow(tracks, plan, events);
    saving.tell(plan);

    // 2. Ask those whose time has come, in the order of the plan.
    const dueIn = () => ({
      tracks,
      starts: startsOf(plan, classesGone(tracks), saving.pending),
      window,
    });
    for (const due of dueNow(dueIn(), now())) {
      const { pod } = due.track;
      if (!wavesSaid.has(pod.class)) {
        wavesSaid.add(pod.class);
        events.onWave(pod.class, countsOf(tracks));
      }
      ask(due, {
        ...options,
        window,
        onPod: events.onPod,
        onSeveralBudgets: events.onSeveralBudgets,
        onAnswer: pulse.trigger,
        quiet,
      });
    }

    // 3. Say where it stands.
    const left = leftOf(tracks);
    const counts = countsOf(tracks);
    // Whoever asked for an empty node gets one; a drill is over when everybody has gone who was to go.
    const isEmpty = left.length === 0 && (order.cause === "notice" || counts.kept === 0);
    // While the watch is broken a pod may have come that nobody has seen, and an empty node is taken away.
    if (pods.synced && pods.staleSince === null && isEmpty && !said.drained) {
      said.drained = true;
      events.onDrained(counts);
    }
    const finalAt = isReal ? lastWordAt(window) : order.deadline;
    if (now() >= finalAt && !said.drained && !said.final) {
      said.final = true;
      for (const { pod } of left) events.onPod(pod, "remaining");
      events.onFinal(counts);
    }
    if (now() >= endsAt) {
      if (isReal) continue;
      return;
    }

    // 4. Wait for the next thing to do: a start, a retry, the end, or a change that pokes us.
    const nextAt = Math.min(
      endsAt,
      said.final || said.drained ? endsAt : finalAt,
      nextDueAt(dueIn()),
      counts.kept > 0 ? now() + KEPT_AGAIN_MS : endsAt,
    );
    const maxWaitMs = millis(Math.min(LONGEST_WAIT_MS, Math.max(1, nextAt - now())));
    await pulse.next({ minGapMs: millis(0), maxWaitMs, signal });
  }
}

/** A node that really goes says its last word while it can; one that stays waits for its deadline. */
function lastWordAt({ seenAt, end }: DrainWindow): number {
  return Math.max(end - LAST_WORD_MS, seenAt + LAST_WORD_MS);
}
