// One drain at a time, from its first mark to the taking back of the last: says it, marks the node, walks the
// plan, and keeps the state on the node so that the next process goes on where this one ended. A newer order
// takes the place of the one before; without an order everything that we put on the node goes.

import type { DrainReport, LiveReading } from "../../shared/contract/drain-report.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { DrainPlan, PlannedPod } from "../../shared/model/drain-plan.ts";
import type { DrainPhase } from "../../shared/model/interruption.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { isDraining } from "./cordon.ts";
import type { Marker } from "./cordon.ts";
import { isVoluntary, orderFromState, stateOf, steadyLine } from "./order.ts";
import type { DrainOrder, StateToWrite } from "./order.ts";
import { podsByClass } from "./tracks.ts";
import type { Counts, PodOutcome } from "./tracks.ts";
import { startWalk } from "./walk.ts";
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
  "order" | "now" | "events" | "drainedBefore" | "signal"
> {
  readonly marker: Marker;
  readonly news: DrainNews;
  readonly log: Log;
}

export interface Drainer {
  /** Our state as we know it, which is ahead of what a watch shows. */
  readonly state: StateToWrite | null;
  /** True while pods are being moved or wait for their turn. */
  readonly busy: boolean;
  /** What an earlier process left on the node. Called once, before anything else; nothing is done about it yet. */
  adopt(state: DrainState): void;
  /** Carries the order out; the same order again changes nothing but a deadline that has come nearer. */
  follow(order: DrainOrder): void;
  /** Tells the node that a request was declined, with the reading. */
  refuse(order: DrainOrder, reading: LiveReading): void;
  /** Calls off what is going on and takes our marks back. */
  undo(): void;
  /** The pods of the node have changed. */
  podsChanged(): void;
  /** Resolves when the walk in progress has ended, if there is one, and our last wish is on the node. */
  settled(): Promise<void>;
  /** Ends the walk without taking anything back: the next process goes on. */
  leave(): void;
}

/** Evictions wait so long for the marks, so that a pod's successor does not come back here, and no longer. */
const MARKS_WITHIN = millis(1_000);

interface Running {
  order: DrainOrder;
  phase: DrainPhase;
  readonly now: () => EpochMs;
  readonly stop: AbortController;
  walk: Walk | null;
  done: Promise<void>;
}

const NOTHING_COUNTED: Counts = { evicted: 0, gone: 0, blocked: 0, waiting: 0 };

export function createDrainer(options: DrainerOptions): Drainer {
  const { marker, news, log, clock, pods } = options;
  let running: Running | null = null;
  let state: StateToWrite | null = null;
  /** What an earlier process left, until somebody says whether its cause still stands. */
  let left: DrainState | null = null;
  let writing: Promise<unknown> = Promise.resolve();

  const write = (next: StateToWrite | null): Promise<"written" | "superseded" | "ended"> => {
    state = next;
    // The marker repeats by itself; it only gives up when the process ends.
    const written = marker.want(next).catch(() => "ended" as const);
    writing = written;
    return written;
  };

  const report = (of: Running, phase: DrainPhase, counts: Counts, more: Partial<DrainReport> = {}): void => {
    const { id, cause, source, deadline } = of.order;
    log.info({ phase, source, leftMs: Math.max(0, deadline - of.now()), count: counts.evicted }, "drain");
    news.drain({ id, cause, source, phase, at: of.now(), deadline, counts, ...more });
  };

  const reach = (of: Running, phase: DrainPhase, counts: Counts): void => {
    of.phase = phase;
    report(of, phase, counts);
    // Waves pass too quickly to be worth a write each; the other phases are what a restart must know.
    void write(stateOf(of.order, phase));
  };

  const planOf = (order: DrainOrder): DrainPlan =>
    options.plan({ pods: pods.values(), ...order, voluntary: isVoluntary(order), self: options.self });

  /** The deadline passed while no agent ran: what is there now is the outcome. */
  const reachEnd = (of: Running): void => {
    const { pods: there } = planOf(of.order);
    const evicted = there.filter((pod) => pod.state === "leaving").length;
    const empty = pods.synced && pods.staleSince === null && there.length === 0;
    reach(of, empty ? "drained" : "final", { ...NOTHING_COUNTED, evicted, waiting: there.length - evicted });
  };

  const noticeOf = (of: Running, phase: NoticeMessage["phase"]): void => {
    const { order } = of;
    if (order.cause !== "notice" || order.source === "coordinator") return;
    const plan = planOf(order);
    const { id, source, seenAt, deadline, replace } = order;
    news.notice({ id, phase, source, seenAt, deadline, replace, pods: podsByClass(plan) });
  };

  const start = (order: DrainOrder, resumed: DrainState | null): void => {
    const startedAt = clock.monotonic();
    const of = atRest(order, resumed?.phase ?? "started");
    const { now } = of;
    running = of;

    // 1. Say it and mark the node; neither waits for the other, nor for an answer.
    noticeOf(of, "seen");
    const ended = of.phase === "drained" || of.phase === "final";
    if (!ended) {
      of.phase = "started";
      report(of, "started", NOTHING_COUNTED);
    }
    const marked = write(stateOf(order, of.phase)).then((outcome) => {
      if (resumed === null && outcome === "written")
        news.marked(order, millis(clock.monotonic() - startedAt));
    });

    // 2. Move the pods, unless the end has come already.
    if (of.phase === "final" || now() >= order.deadline) {
      if (!ended) reachEnd(of);
      return;
    }
    of.done = run(of, marked).catch((error: unknown) => {
      if (!of.stop.signal.aborted) log.error({ error }, "drain stopped by an error of its own");
    });
  };

  const run = async (of: Running, marked: Promise<void>): Promise<void> => {
    const { signal } = of.stop;
    const timer = new AbortController();
    await Promise.race([
      marked,
      clock.sleep(MARKS_WITHIN, AbortSignal.any([timer.signal, signal])).catch(() => {}),
    ]);
    timer.abort();
    signal.throwIfAborted();
    of.walk = startWalk({
      ...options,
      order: () => of.order,
      now: of.now,
      signal,
      drainedBefore: of.phase === "drained",
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
    noticeOf(of, "cancelled");
    report(of, "cancelled", of.walk?.counts() ?? NOTHING_COUNTED);
  };

  const atRest = (order: DrainOrder, phase: DrainPhase): Running => ({
    order,
    phase,
    now: steadyLine(clock),
    stop: new AbortController(),
    walk: null,
    done: Promise.resolve(),
  });

  return {
    get state() {
      return state;
    },
    get busy() {
      return running !== null && running.phase !== "drained" && running.phase !== "final";
    },
    adopt: (found) => {
      left = found;
      const { cordonedByUs: _, ...rest } = found;
      state = rest;
    },
    follow: (order) => {
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
      const of = running;
      if (of === null || of.order.id !== order.id) {
        callOff();
        start(order, null);
        return;
      }
      if (order.deadline >= of.order.deadline) return;
      of.order = { ...of.order, deadline: order.deadline };
      noticeOf(of, "superseded");
      void write(stateOf(of.order, of.phase));
      of.walk?.poke();
    },
    refuse: (order, reading) => {
      callOff();
      const { id, cause, source, deadline } = order;
      const at = clock.now();
      log.info({ source, reason: reading.detail }, "drain request refused");
      news.drain({ id, cause, source, phase: "refused", at, deadline, counts: NOTHING_COUNTED, reading });
      void write({ ...stateOf(order, "refused"), reading });
    },
    undo: () => {
      callOff();
      if (state !== null) void write(null);
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
