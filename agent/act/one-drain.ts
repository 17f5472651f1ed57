// The course of one drain: it is said, the node is marked, pods are told to save and are walked, and its phases are
// reported and kept on the node, with a summary where it ends. Which drain holds, and what becomes of the one before, is
// drain.ts.

import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { DrainSummary } from "../../shared/contract/drain-summary.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import type { DrainPhase } from "../../shared/model/interruption.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { createAsked, summaryOf } from "./asked.ts";
import type { Hooks } from "./hooks/hooks.ts";
import { drainKind, stateOf, steadyLine } from "./order.ts";
import type { DrainOrder, StateToWrite } from "./order.ts";
import { planNow } from "./planning.ts";
import { createSaving } from "./saving.ts";
import { NOTHING_COUNTED, podsByClass } from "./tracks.ts";
import type { Counts, PodOutcome } from "./tracks.ts";
import { startWalk, walkEndsAt } from "./walk.ts";
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

export interface DrainOptions extends Omit<
  WalkOptions,
  "order" | "now" | "events" | "saidBefore" | "signal" | "asked" | "saving"
> {
  readonly news: DrainNews;
  /** Who tells pods to save their state. Left out or null: nobody does. */
  readonly hooks?: Hooks | null | undefined;
  /** When the stream had the first message about the notice with this id; null: it has not. */
  readonly publishedAt?: ((id: string) => EpochMs | null) | undefined;
}

/** Puts a state on the node, now or as soon as that can be done. */
export type WriteState = (state: StateToWrite) => Promise<"written" | "superseded" | "ended">;

export interface OneDrain {
  readonly order: DrainOrder;
  /** True while pods are being moved or wait for their turn. */
  readonly busy: boolean;
  /** Resolves when nothing is walked. */
  readonly done: Promise<void>;
  /** From the beginning, or from where an earlier process stopped. */
  begin(resumed: DrainState | null): void;
  /** The same drain, said anew: its deadline may have come nearer, and what was only a mark may have been confirmed. */
  adjust(order: DrainOrder): void;
  /** Pods have changed, or what they save. */
  poke(): void;
  callOff(): void;
  /** Ends the walk and says nothing. */
  leave(): void;
}

/**
 * Evictions wait so long for the marks, so that a pod's successor does not come back here, and no longer; where little
 * time is left, this share of it.
 */
const MARKS_WITHIN = { mostMs: 1_000, leastMs: 50, share: 0.05 } as const;

/** Phases in which a drain has said its last word: pods are moved no more, or there is none to move. */
const ENDED: readonly DrainPhase[] = ["drained", "final", "survived"];

export function createDrain(
  first: DrainOrder,
  { phase: reached, write }: { readonly phase: DrainPhase; readonly write: WriteState },
  options: DrainOptions,
): OneDrain {
  const { news, log, clock, pods } = options;
  const now = steadyLine(clock);
  const stop = new AbortController();
  const asked = createAsked(first.seenAt);
  const saving = createSaving(options.hooks ?? null, first, now, clock);
  let order = first;
  let phase = reached;
  /** From when on the time that is left is counted: since the deadline that holds has been known. */
  let since = epochMs(Math.min(first.seenAt, now()));
  let walk: Walk | null = null;
  let walking = false;
  let markedAt: EpochMs | null = null;
  let drainedAt: EpochMs | null = null;
  let summary: DrainSummary | null = null;
  let done = Promise.resolve();
  /** Who listens has heard of it, or is not to hear: what only a mark says of a cloud is told when the cloud says it. */
  let seenSaid = false;

  const writeState = async (): ReturnType<WriteState> =>
    await write({ ...stateOf(order, phase), ...(summary === null ? {} : { summary }) });

  /** The order as the plan is to take it. */
  const counted = (): DrainOrder => ({ ...order, seenAt: since });

  const report = (of: DrainPhase, counts: Counts, more: Partial<DrainReport> = {}): void => {
    const { id, cause, source, deadline } = order;
    log.info({ phase: of, source, leftMs: Math.max(0, deadline - now()), count: counts.evicted }, "drain");
    const results = saving.results();
    const checkpoints = results.length === 0 ? {} : { checkpoints: [...results] };
    news.drain({ id, cause, source, phase: of, at: now(), deadline, counts, ...checkpoints, ...more });
  };

  const noticeOf = (of: NoticeMessage["phase"]): void => {
    if (order.cause !== "notice" || order.source === "coordinator") return;
    const { id, source, seenAt, deadline, replace } = order;
    const classes = podsByClass(planNow(options, counted(), now()));
    news.notice({ id, phase: of, source, seenAt, deadline, replace, pods: classes });
  };

  const saySeen = (): void => {
    if (seenSaid || (order.source !== "drill" && !order.confirmed)) return;
    seenSaid = true;
    noticeOf("seen");
  };

  /** The phases that end a drain: what a restart must know, and what people read. */
  const reach = (of: DrainPhase, counts: Counts): void => {
    phase = of;
    if (of === "drained") drainedAt ??= now();
    const { id, seenAt } = order;
    const publishedAt = options.publishedAt?.(id) ?? null;
    const hooks = { asked: saving.asked, results: saving.results() };
    summary = summaryOf({ seenAt, publishedAt, markedAt, drainedAt, counts, asked, hooks });
    report(of, counts, { summary });
    // Waves pass too quickly to be worth a write each.
    void writeState();
  };

  /** The deadline passed while no agent ran: what is there now is the outcome. */
  const reachEnd = (): void => {
    const { pods: there } = planNow(options, counted(), now());
    const count = (is: PlannedPod["state"]): number => there.filter((pod) => pod.state === is).length;
    const counts = { evicted: count("leaving"), waiting: count("stays"), kept: count("kept") };
    const stay = order.cause === "request" ? there.length : there.length - counts.kept;
    const empty = pods.synced && pods.staleSince === null && stay === 0;
    reach(empty ? "drained" : "final", { ...NOTHING_COUNTED, ...counts });
  };

  const run = async (marked: Promise<void>): Promise<void> => {
    const { signal } = stop;
    const timer = new AbortController();
    const waited = clock.sleep(
      marksWithinMs(order.deadline - now()),
      AbortSignal.any([timer.signal, signal]),
    );
    await Promise.race([marked, waited.catch(() => {})]);
    timer.abort();
    signal.throwIfAborted();
    walk = startWalk({
      ...options,
      order: counted,
      now,
      signal,
      asked,
      saving,
      saidBefore: { drained: phase === "drained", final: phase === "final" },
      events: {
        onWave: (wave, counts) => {
          report("wave", counts, { class: wave });
        },
        onDrained: (counts) => {
          reach("drained", counts);
        },
        onFinal: (counts) => {
          reach("final", counts);
        },
        onSurvived: (counts) => {
          noticeOf("survived");
          reach("survived", counts);
        },
        onPod: news.pod,
        onSeveralBudgets: news.severalBudgets,
        onUnknownPriority: news.unknownPriority,
      },
    });
    await walk.done;
  };

  const walkUnlessOver = (marked: Promise<void>): void => {
    const isReal = drainKind(order) === "real";
    const isOver = phase === "survived" || (!isReal && phase === "final");
    // A machine that should be gone by far has survived it, and that is still to be said.
    const isPast = isReal && ENDED.includes(phase) ? false : now() >= walkEndsAt(order);
    if (isOver || walking || isPast) return;
    walking = true;
    if (!ENDED.includes(phase)) saving.tell(planNow(options, counted(), now()));
    done = run(marked)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) log.error({ error }, "drain stopped by an error of its own");
      })
      .finally(() => {
        walking = false;
      });
  };

  return {
    get order() {
      return order;
    },
    get busy() {
      return !ENDED.includes(phase);
    },
    get done() {
      return done;
    },
    begin: (resumed) => {
      const startedAt = clock.monotonic();
      // 1. Say it, mark the node and tell pods to save; nobody waits for anybody else, nor for an answer.
      saySeen();
      const ended = ENDED.includes(phase);
      if (!ended) {
        phase = "started";
        report("started", NOTHING_COUNTED);
      }
      if (ended) summary = resumed?.summary ?? null;
      const marked = writeState().then((outcome) => {
        if (resumed !== null || outcome !== "written") return;
        markedAt = now();
        news.marked(order, millis(clock.monotonic() - startedAt));
      });
      // 2. Move the pods, unless the end has come already.
      walkUnlessOver(marked);
      if (!walking && !ended) reachEnd();
    },
    adjust: (again) => {
      const isEarlier = again.deadline < order.deadline;
      const isConfirmed = again.confirmed && !order.confirmed;
      if (!isEarlier && !isConfirmed) return;
      order = {
        ...order,
        deadline: isEarlier ? again.deadline : order.deadline,
        confirmed: order.confirmed || again.confirmed,
      };
      saySeen();
      if (isEarlier) {
        since = now();
        noticeOf("superseded");
        void writeState();
      }
      walk?.poke();
      // A walk that ended at its deadline as a drill goes on when the machine turns out to go.
      if (isConfirmed) walkUnlessOver(Promise.resolve());
    },
    poke: () => {
      walk?.poke();
    },
    callOff: () => {
      stop.abort(new Error("the drain was called off"));
      saving.giveUp();
      noticeOf("cancelled");
      report("cancelled", walk?.counts() ?? NOTHING_COUNTED);
    },
    leave: () => {
      stop.abort(new Error("the agent stops"));
    },
  };
}

function marksWithinMs(leftMs: number): Millis {
  const { mostMs, leastMs, share } = MARKS_WITHIN;
  return millis(Math.min(mostMs, Math.max(leastMs, share * leftMs)));
}
