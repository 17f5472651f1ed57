// The agent's loop: look at the node, decide what it asks of us, do it, report. It wakes when the node or the
// GPUs change and when a report is due; nothing is decided where news arrives. A stage that fails costs its own
// step and no other's: the driver, NATS and the API server may each be away.

import { readDrainRequest, readDrainState } from "../shared/contract/node-marks.ts";
import type { Node } from "../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../shared/model/names.ts";
import type { Random } from "../shared/model/random.ts";
import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { Pulse } from "../shared/runtime/stream.ts";
import type { Drainer } from "./act/drain.ts";
import { orderFromNotice } from "./act/order.ts";
import { answerRequest } from "./act/request.ts";
import { dutyOf } from "./assess/duty.ts";
import { idleness } from "./assess/idle.ts";
import { interruptionOf, noticeFromState } from "./assess/interruption.ts";
import type { Ignored } from "./assess/interruption.ts";
import type { Reporter } from "./publish/reports.ts";
import type { Sight } from "./sight.ts";

export interface LoopOptions {
  readonly node: string;
  readonly drills: boolean;
  readonly reportIntervalMs: Millis;
  readonly shutdownGraceMs: Millis;
  readonly sight: Pick<Sight, "view" | "revision">;
  /** Undefined before the first list, and when the node is not registered. */
  readonly ownNode: () => Node | undefined;
  readonly podsSynced: () => boolean;
  readonly drainer: Drainer;
  readonly reporter: Reporter;
  readonly news: LoopNews;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The agent is asked to stop. */
  readonly signal: AbortSignal;
  /** Ends every wait at once; fires only after the loop has ended. */
  readonly lasting: AbortSignal;
}

export interface LoopNews {
  /** Called once for each different thing that is wrong with a drill. */
  readonly drillIgnored: (ignored: Ignored) => void;
  readonly requestMalformed: (why: string) => void;
  readonly requestAnswered: (answer: "accepted" | "refused") => void;
  readonly reported: (sent: boolean) => void;
}

/** A drain begins with the pods known, or without them when the API server is slow to list them. */
const PODS_WITHIN_MS = 1_000;
/** Changes come in bursts; a report for each would say the same. */
const REPORTS_APART_MS = 200;
const AGAIN_AFTER_FAILURE_MS = 1_000;

export async function runLoop(options: LoopOptions): Promise<void> {
  const { clock, drainer, pulse, log, signal } = options;
  const attend = createAttention(options);
  const report = createReporting(options);
  let leaveBy: number | null = null;
  const onStop = (): void => {
    leaveBy = clock.monotonic() + options.shutdownGraceMs;
    pulse.trigger();
  };
  signal.addEventListener("abort", onStop, { once: true });
  if (signal.aborted) onStop();

  for (;;) {
    // 1. What does the node ask of us, and are we at it?
    const attendInMs = safely("attend", attend, log);
    // 2. What do the GPUs say, and is it time to tell?
    const reportInMs = safely("report", report, log);
    // 3. On shutdown a drain goes on to its end: pods are still moving, and on a node that stops, the kubelet
    //    leaves this agent to the last. When its own grace ends, the marks stay for the next agent.
    if (leaveBy !== null && (!drainer.busy || clock.monotonic() >= leaveBy)) break;
    // 4. Until something changes, or the next report.
    const leaveInMs = leaveBy === null ? Number.POSITIVE_INFINITY : leaveBy - clock.monotonic();
    const maxWaitMs = millis(Math.max(1, Math.min(attendInMs, reportInMs, leaveInMs)));
    await pulse.next({ minGapMs: millis(5), maxWaitMs, signal: options.lasting });
  }
  drainer.leave();
}

/** A stage that fails is tried again; the other stages do not hear of it. */
function safely(part: string, stage: () => number, log: Log): number {
  try {
    return stage();
  } catch (error) {
    log.error({ part, error }, "a stage of the loop failed");
    return AGAIN_AFTER_FAILURE_MS;
  }
}

/** Brings the drain in line with the node's annotations. Returns how soon it must look again by itself. */
function createAttention(options: LoopOptions): () => number {
  const { drainer, clock, news, log } = options;
  const ignoredOnce = createOnce<Ignored>(
    (ignored) => JSON.stringify({ ...ignored, byMs: 0 }),
    news.drillIgnored,
  );
  const malformedOnce = createOnce<string>((why) => why, news.requestMalformed);
  let nodeSeenAt: number | null = null;
  let adopted = false;
  let drilled = false;

  return () => {
    const node = options.ownNode();
    if (node === undefined) return Number.POSITIVE_INFINITY;
    nodeSeenAt ??= clock.monotonic();
    const podsInMs = nodeSeenAt + PODS_WITHIN_MS - clock.monotonic();
    if (!options.podsSynced() && podsInMs > 0) return podsInMs;

    const { annotations } = node.metadata;
    if (!adopted) {
      adopted = true;
      const left = readDrainState(annotations?.[NODE_ANNOTATION.drainState]);
      if (left.kind === "value") drainer.adopt(left.value);
      if (left.kind === "malformed")
        log.warn({ reason: left.why }, "drain-state on the node cannot be read and is not continued");
    }

    const { state } = drainer;
    const previous = state === null ? null : noticeFromState(state);
    drilled ||= previous !== null;
    const interruption = interruptionOf({
      node: options.node,
      annotations,
      now: clock.now(),
      previous,
      drills: options.drills,
      again: drilled,
    });
    ignoredOnce("ignored" in interruption ? interruption.ignored : null);
    const request = readDrainRequest(annotations?.[NODE_ANNOTATION.drainRequest]);
    malformedOnce(request.kind === "malformed" ? request.why : null);

    const duty = dutyOf({ interruption, request, state, bootID: node.status?.nodeInfo?.bootID });
    switch (duty.kind) {
      case "rest":
        break;
      case "undo":
        drainer.undo();
        break;
      case "notice":
        drainer.follow(orderFromNotice(duty.notice));
        break;
      case "request": {
        const threshold = (share: number) => idleness(options.sight.view(), share);
        const answer = answerRequest(duty.request, { drainer, idleness: threshold, now: clock.now() });
        if (answer !== "answered-before") news.requestAnswered(answer);
        break;
      }
    }
    return Number.POSITIVE_INFINITY;
  };
}

/** Sends a report when one is due or something changed. Returns how soon the next one is due. */
function createReporting(options: LoopOptions): () => number {
  const { clock, reporter, sight, news, reportIntervalMs } = options;
  // Agents that start together must not report together for ever.
  let dueAt = clock.monotonic() + options.random() * reportIntervalMs;
  let sentAt = Number.NEGATIVE_INFINITY;
  let told = sight.revision;

  return () => {
    const now = clock.monotonic();
    const wait = sight.revision !== told ? sentAt + REPORTS_APART_MS - now : dueAt - now;
    if (wait > 0) return wait;
    told = sight.revision;
    sentAt = now;
    // By the schedule and not from now on, so that a late report does not make all others later.
    while (dueAt <= now) dueAt += reportIntervalMs;
    news.reported(reporter.send(sight.view(), clock.now()));
    return dueAt - now;
  };
}

/** Passes each different value on once; null in between makes the same value news again. */
function createOnce<T>(keyOf: (value: T) => string, tell: (value: T) => void): (value: T | null) => void {
  let last: string | null = null;
  return (value) => {
    const key = value === null ? null : keyOf(value);
    if (value !== null && key !== last) tell(value);
    last = key;
  };
}
