// One drain at a time, from its first mark to the taking back of the last: says it, marks the node, walks the
// plan, and keeps the state on the node so that the next process goes on where this one ended. A newer order
// takes the place of the one before; without an order everything that we put on the node goes.

import type { DrainReport, LiveReading } from "../../shared/contract/drain-report.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import type { DrainPhase, Notice } from "../../shared/model/interruption.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { createAsked, summaryOf } from "./asked.ts";
import type { Asked } from "./asked.ts";
import { isDraining } from "./cordon.ts";
import type { Hooks } from "./hooks/hooks.ts";
import type { Marker } from "./marker.ts";
import { drainKind, noticeOfOrder, orderFromState, stateOf, steadyLine } from "./order.ts";
import type { DrainOrder, StateToWrite } from "./order.ts";
import { createSaving } from "./saving.ts";
import type { Saving } from "./saving.ts";
import { NOTHING_COUNTED, podsByClass } from "./tracks.ts";
import type { Counts, PodOutcome } from "./tracks.ts";
import { planNow, startWalk, walkEndsAt } from "./walk.ts";
import type { Walk, WalkOptions } from "./walk.ts";

/** Where news of a drain goes. Nothing here may block or throw. */
export interface DrainNews {
  readonly notice: (message: Omit<NoticeMessage, "v" | "node">) => void;
  readonly drain: (report: Omit<DrainReport, "v" | "node">) => void;
  readonly pod: (pod: PlannedPod, outcome: PodOutcome) => void;
  readonly severalBudgets: (pod: PlannedPod, message: string) => void;
  readonly unknownPriority: (pod: PlannedPod) => void;
  /** The node carries the marks of a new drain. */
  readonly marked: (order: DrainOrder, afterMs: Millis) => void;
}

export interface DrainerOptions extends Omit<
  WalkOptions,
  "order" | "now" | "events" | "saidBefore" | "signal" | "asked" | "saving"
> {
  readonly marker: Marker;
  readonly news: DrainNews;
  /** Who tells pods to save their state. Left out or null: nobody does. */
  readonly hooks?: Hooks | null | undefined;
  /** When the stream had the first message about the notice with this id; null: it has not. */
  readonly publishedAt?: ((id: string) => EpochMs | null) | undefined;
  readonly log: Log;
}

export interface Drainer {
  /** Our state as we know it, which is ahead of what a watch shows. */
  readonly state: StateToWrite | null;
  /** The notice that is being acted on; null when none is, or when it is a request. */
  readonly notice: Notice | null;
  /** True while pods are being moved or wait for their turn. */
  readonly busy: boolean;
  /** What an earlier process left on the node. Called once, before anything else; nothing is done about it yet. */
  adopt(state: DrainState): void;
  /** Carries the order out; the same order again changes nothing but a deadline that has come nearer. */
  follow(order: DrainOrder): void;
  /** Tells the node that a request was declined, with the reading. */
  refuse(order: DrainOrder, reading: LiveReading): void;
  /** The same of a drill that may not begin now, with the reason in words. */
  refuseDrill(order: DrainOrder, why: string): void;
  /** Calls off what is going on and takes our marks back; with `endDrill` the annotation of the drill as well. */
  undo(how?: { readonly endDrill: boolean }): void;
  /** The pods of the node have changed. */
  podsChanged(): void;
  /** Resolves when the walk in progress has ended, if there is one, and our last wish is on the node. */
  settled(): Promise<void>;
  /** Ends the walk without taking anything back: the next process goes on. */
  leave(): void;
}

/**
 * Evictions wait so long for the marks, so that a pod's successor does not come back here, and no longer; where little
 * time is left, this share of it.
 */
const MARKS_WITHIN = { mostMs: 1_000, leastMs: 50, share: 0.05 } as const;

/** Phases in which a drain has said its last word: pods are moved no more, or there is none to move. */
const ENDED: readonly DrainPhase[] = ["drained", "final", "survived"];

interface Running {
  order: DrainOrder;
  phase: DrainPhase;
  readonly now: () => EpochMs;
  /** From when on the time that is left is counted: since the deadline that holds has been known. */
  since: EpochMs;
  readonly stop: AbortController;
  readonly asked: Asked;
  readonly saving: Saving;
  walk: Walk | null;
  /** Until it has ended. */
  walking: boolean;
  markedAt: EpochMs | null;
  drainedAt: EpochMs | null;
  done: Promise<void>;
}

export function createDrainer(options: DrainerOptions): Drainer {
  const { marker, news, log, clock, pods } = options;
  let running: Running | null = null;
  let state: StateToWrite | null = null;
  /** What an earlier process left, until somebody says whether its cause still stands. */
  let left: DrainState | null = null;
  let writing: Promise<unknown> = Promise.resolve();

  const write = (
    next: StateToWrite | null,
    how?: { readonly endDrill: boolean },
  ): Promise<"written" | "superseded" | "ended"> => {
    state = next;
    // The marker repeats by itself; it only gives up when the process ends.
    const written = marker.want(next, how).catch(() => "ended" as const);
    writing = written;
    return written;
  };

  const report = (of: Running, phase: DrainPhase, counts: Counts, more: Partial<DrainReport> = {}): void => {
    const { id, cause, source, deadline } = of.order;
    log.info({ phase, source, leftMs: Math.max(0, deadline - of.now()), count: counts.evicted }, "drain");
    const results = of.saving.results();
    const checkpoints = results.length === 0 ? {} : { checkpoints: [...results] };
    news.drain({ id, cause, source, phase, at: of.now(), deadline, counts, ...checkpoints, ...more });
  };

  /** The phases that end a drain: what a restart must know, and what people read. */
  const reach = (of: Running, phase: DrainPhase, counts: Counts): void => {
    of.phase = phase;
    if (phase === "drained") of.drainedAt ??= of.now();
    const { asked, markedAt, drainedAt, saving } = of;
    const { id, seenAt } = of.order;
    const publishedAt = options.publishedAt?.(id) ?? null;
    const hooks = { asked: saving.asked, results: saving.results() };
    const summary = summaryOf({ seenAt, publishedAt, markedAt, drainedAt, counts, asked, hooks });
    report(of, phase, counts, { summary });
    // Waves pass too quickly to be worth a write each.
    void write({ ...stateOf(of.order, phase), summary });
  };

  /** The deadline passed while no agent ran: what is there now is the outcome. */
  const reachEnd = (of: Running): void => {
    const { pods: there } = planNow(options, of.order, of.now());
    const count = (is: PlannedPod["state"]): number => there.filter((pod) => pod.state === is).length;
    const counts = { evicted: count("leaving"), waiting: count("stays"), kept: count("kept") };
    const stay = of.order.cause === "request" ? there.length : there.length - counts.kept;
    const empty = pods.synced && pods.staleSince === null && stay === 0;
    reach(of, empty ? "drained" : "final", { ...NOTHING_COUNTED, ...counts });
  };

  const noticeOf = (of: Running, phase: NoticeMessage["phase"]): void => {
    const { order } = of;
    if (order.cause !== "notice" || order.source === "coordinator") return;
    const plan = planNow(options, order, of.now());
    const { id, source, seenAt, deadline, replace } = order;
    news.notice({ id, phase, source, seenAt, deadline, replace, pods: podsByClass(plan) });
  };

  const start = (order: DrainOrder, resumed: DrainState | null): void => {
    const startedAt = clock.monotonic();
    const of = atRest(order, resumed?.phase ?? "started");
    running = of;

    // 1. Say it, mark the node and tell pods to save; nobody waits for anybody else, nor for an answer.
    noticeOf(of, "seen");
    const ended = ENDED.includes(of.phase);
    if (!ended) {
      of.phase = "started";
      report(of, "started", NOTHING_COUNTED);
    }
    const summary = ended && resumed?.summary !== undefined ? { summary: resumed.summary } : {};
    const marked = write({ ...stateOf(order, of.phase), ...summary }).then((outcome) => {
      if (resumed !== null || outcome !== "written") return;
      of.markedAt = of.now();
      news.marked(order, millis(clock.monotonic() - startedAt));
    });

    // 2. Move the pods, unless the end has come already.
    walkUnlessOver(of, marked);
    if (!of.walking && !ended) reachEnd(of);
  };

  const walkUnlessOver = (of: Running, marked: Promise<void>): void => {
    const isReal = drainKind(of.order) === "real";
    const isOver = of.phase === "survived" || (!isReal && of.phase === "final");
    if (isOver || of.walking || of.now() >= walkEndsAt(of.order)) return;
    of.walking = true;
    if (!ENDED.includes(of.phase)) of.saving.tell(planNow(options, countedFrom(of), of.now()));
    of.done = run(of, marked)
      .catch((error: unknown) => {
        if (!of.stop.signal.aborted) log.error({ error }, "drain stopped by an error of its own");
      })
      .finally(() => {
        of.walking = false;
      });
  };

  const run = async (of: Running, marked: Promise<void>): Promise<void> => {
    const { signal } = of.stop;
    const timer = new AbortController();
    const waitMs = marksWithinMs(of.order.deadline - of.now());
    await Promise.race([
      marked,
      clock.sleep(waitMs, AbortSignal.any([timer.signal, signal])).catch(() => {}),
    ]);
    timer.abort();
    signal.throwIfAborted();
    of.walk = startWalk({
      ...options,
      order: () => countedFrom(of),
      now: of.now,
      signal,
      asked: of.asked,
      saving: of.saving,
      saidBefore: { drained: of.phase === "drained", final: of.phase === "final" },
      events: {
        onWave: (wave, counts) => {
          report(of, "wave", counts, { class: wave });
        },
        onDrained: (counts) => {
          reach(of, "drained", counts);
        },
        onFinal: (counts) => {
          reach(of, "final", counts);
        },
        onSurvived: (counts) => {
          noticeOf(of, "survived");
          reach(of, "survived", counts);
        },
        onPod: news.pod,
        onSeveralBudgets: news.severalBudgets,
        onUnknownPriority: news.unknownPriority,
      },
    });
    await of.walk.done;
  };

  /** Ends what is going on, or was before a restart, and says so. */
  const callOff = (): void => {
    const of =
      running ?? (left !== null && isDraining(left) ? atRest(orderFromState(left), left.phase) : null);
    running = null;
    left = null;
    if (of === null) return;
    of.stop.abort(new Error("the drain was called off"));
    of.saving.giveUp();
    noticeOf(of, "cancelled");
    report(of, "cancelled", of.walk?.counts() ?? NOTHING_COUNTED);
  };

  const atRest = (order: DrainOrder, phase: DrainPhase): Running => {
    const now = steadyLine(clock);
    return {
      order,
      phase,
      now,
      since: order.seenAt,
      stop: new AbortController(),
      asked: createAsked(order.seenAt),
      saving: createSaving(options.hooks ?? null, order, now),
      walk: null,
      walking: false,
      markedAt: null,
      drainedAt: null,
      done: Promise.resolve(),
    };
  };

  /** The same drain, said anew: its deadline may have come nearer, and what was only a mark may have been confirmed. */
  const adjust = (of: Running, order: DrainOrder): void => {
    const isEarlier = order.deadline < of.order.deadline;
    const isConfirmed = order.confirmed && !of.order.confirmed;
    if (!isEarlier && !isConfirmed) return;
    of.order = {
      ...of.order,
      deadline: isEarlier ? order.deadline : of.order.deadline,
      confirmed: of.order.confirmed || order.confirmed,
    };
    if (isEarlier) {
      of.since = of.now();
      noticeOf(of, "superseded");
      void write({ ...(state?.id === order.id ? state : {}), ...stateOf(of.order, of.phase) });
    }
    of.walk?.poke();
    // A walk that ended at its deadline as a drill goes on when the machine turns out to go.
    if (isConfirmed) walkUnlessOver(of, Promise.resolve());
  };

  return {
    get state() {
      return state;
    },
    get notice() {
      return running === null ? null : noticeOfOrder(running.order);
    },
    get busy() {
      return running !== null && !ENDED.includes(running.phase);
    },
    adopt: (found) => {
      left = found;
      const { cordonedByUs: _, ...rest } = found;
      state = rest;
    },
    follow: (order) => {
      if (running !== null && running.order.id === order.id) {
        adjust(running, order);
        return;
      }
      if (running === null && left !== null && left.id === order.id) {
        const resumed = left;
        left = null;
        log.info(
          { phase: resumed.phase, source: resumed.source },
          "going on with the drain of an earlier process",
        );
        start(order, resumed);
        return;
      }
      callOff();
      start(order, null);
    },
    refuse: (order, reading) => {
      callOff();
      const { id, cause, source, deadline } = order;
      const at = clock.now();
      log.info({ source, reason: reading.detail }, "drain request refused");
      news.drain({ id, cause, source, phase: "refused", at, deadline, counts: NOTHING_COUNTED, reading });
      void write({ ...stateOf(order, "refused"), reading });
    },
    refuseDrill: (order, why) => {
      callOff();
      const { id, cause, source, deadline } = order;
      const at = clock.now();
      log.info({ source, reason: why }, "drill refused");
      news.drain({ id, cause, source, phase: "refused", at, deadline, counts: NOTHING_COUNTED });
      void write({ ...stateOf(order, "refused"), why });
    },
    undo: (how = { endDrill: false }) => {
      callOff();
      if (state !== null) void write(null, how);
    },
    podsChanged: () => {
      running?.walk?.poke();
    },
    settled: async () => {
      await running?.done;
      await writing;
    },
    leave: () => {
      running?.stop.abort(new Error("the agent stops"));
    },
  };
}

/** The order as the plan is to take it. */
function countedFrom({ order, since }: Running): DrainOrder {
  return { ...order, seenAt: since };
}

function marksWithinMs(leftMs: number): Millis {
  const { mostMs, leastMs, share } = MARKS_WITHIN;
  return millis(Math.min(mostMs, Math.max(leastMs, share * leftMs)));
}
