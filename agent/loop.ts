// The agent's loop: look at the node and at what its cloud says of it, do what that asks of us, report. It wakes when one
// of them or the GPUs change and when a report is due; nothing is decided where news arrives. A stage that fails costs its
// own step and no other's: the driver, NATS, the metadata and the API server may each be away.

import type { Random } from "../shared/model/random.ts";
import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { Pulse } from "../shared/runtime/stream.ts";
import { createAttention } from "./attention.ts";
import type { AttentionNews, AttentionOptions } from "./attention.ts";
import type { Reporter } from "./publish/reports.ts";
import type { Sight } from "./sight.ts";

export interface LoopOptions extends AttentionOptions {
  readonly reportIntervalMs: Millis;
  readonly shutdownGraceMs: Millis;
  readonly sight: Pick<Sight, "view" | "revision">;
  readonly reporter: Reporter;
  readonly news: LoopNews;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly random: Random;
  /** The agent is asked to stop. */
  readonly signal: AbortSignal;
  /** Ends every wait at once; fires only after the loop has ended. */
  readonly lasting: AbortSignal;
}

export interface LoopNews extends AttentionNews {
  readonly reported: (sent: boolean) => void;
}

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
