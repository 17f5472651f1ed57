// Notices, drain reports and news of the GPUs' health to the stream that keeps them. Publishing never makes a drain
// wait: a message is handed over and then sent in the background until the stream has it, under an id by which a
// repetition is recognised. While NATS is away messages wait here, in order; news of health go by themselves, so that
// a stream that does not take them yet keeps no notice. The annotations and Events on the node are the second way on
// which the same news travel.

import { encode } from "../../shared/contract/codec.ts";
import { drainMessageId } from "../../shared/contract/drain-report.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import { healthMessageId } from "../../shared/contract/health.ts";
import type { HealthMessage } from "../../shared/contract/health.ts";
import { noticeMessageId } from "../../shared/contract/notice.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe } from "../../shared/runtime/errors.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Nats } from "../../shared/runtime/nats.ts";

export type EventKind = "notice" | "drain" | "health";

export interface EventPublisher {
  notice(message: Omit<NoticeMessage, "v" | "node">): void;
  drain(report: Omit<DrainReport, "v" | "node">): void;
  health(message: Omit<HealthMessage, "v" | "node">): void;
  /** Messages that the stream does not have yet. */
  readonly waiting: number;
  /** Resolves when none waits. */
  flushed(): Promise<void>;
  /** Ends with the signal. */
  readonly ended: Promise<void>;
}

export interface EventPublisherOptions {
  readonly nats: Pick<Nats, "publishEvent">;
  readonly node: string;
  readonly subjectRoot: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The stream has the message of this id. */
  readonly onSent: (kind: EventKind, id: string) => void;
  /** The oldest message went because too many wait. */
  readonly onDropped: (kind: EventKind) => void;
  readonly signal: AbortSignal;
}

interface Pending {
  readonly kind: EventKind;
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array;
}

/** One drain makes about ten messages. A storm of GPU faults has its own room: it pushes no notice out. */
const WAITING_AT_MOST = 64;
const RETRY_MS = 500;

export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  const { node, subjectRoot, nats, clock, random, signal } = options;
  const subjects = {
    notice: subjectFor("notice", node, subjectRoot),
    drain: subjectFor("drain", node, subjectRoot),
    health: subjectFor("health", node, subjectRoot),
  };
  const waiting: Pending[] = [];
  const quiet = createQuietLog(options.log, clock);
  const wakes = new Set<() => void>();
  let empty = Promise.withResolvers<void>();
  empty.resolve();

  const add = (kind: Pending["kind"], id: string, data: Uint8Array): void => {
    if (waiting.length === 0) empty = Promise.withResolvers<void>();
    // The same phase of the same event again: the newest says it best, and after what has been said since.
    const same = waiting.findIndex((one) => one.kind === kind && one.id === id);
    if (same > 0) waiting.splice(same, 1);
    waiting.push({ kind, subject: subjects[kind], id, data });
    const ofItsRoom = kind === "health" ? isHealth : isNoHealth;
    if (waiting.filter(ofItsRoom).length > WAITING_AT_MOST) {
      const [dropped] = waiting.splice(waiting.findIndex(ofItsRoom), 1);
      if (dropped !== undefined) options.onDropped(dropped.kind);
    }
    for (const wake of wakes) wake();
  };

  /** One room's messages, one after the other. */
  const run = async (isOurs: (one: Pending) => boolean): Promise<void> => {
    while (!signal.aborted) {
      const next = waiting.find(isOurs);
      if (next === undefined) {
        await untilWoken(wakes, signal);
        continue;
      }
      try {
        await nats.publishEvent(next.subject, next.data, next.id);
        const at = waiting.indexOf(next);
        if (at >= 0) waiting.splice(at, 1);
        options.onSent(next.kind, next.id);
        if (waiting.length === 0) empty.resolve();
      } catch (error) {
        if (signal.aborted) return;
        quiet.log(
          `event ${next.kind} ${describe(error)}`,
          "warn",
          { error, subject: next.subject },
          "event not stored yet, trying again",
        );
        await clock.sleep(millis(RETRY_MS * (0.8 + 0.4 * random())), signal).catch(() => {});
      }
    }
  };

  return {
    notice: (message) => {
      const full: NoticeMessage = { v: 1, node, ...message };
      add("notice", noticeMessageId(full), encode<"notice">(full));
    },
    drain: (report) => {
      const full: DrainReport = { v: 1, node, ...report };
      add("drain", drainMessageId(full), encode<"drain">(full));
    },
    health: (message) => {
      const full: HealthMessage = { v: 1, node, ...message };
      add("health", healthMessageId(full), encode<"health">(full));
    },
    get waiting() {
      return waiting.length;
    },
    flushed: () => empty.promise,
    ended: Promise.all([run(isNoHealth), run(isHealth)]).then(() => undefined),
  };
}

function isHealth({ kind }: Pending): boolean {
  return kind === "health";
}

function isNoHealth(one: Pending): boolean {
  return !isHealth(one);
}

/** Resolves when somebody calls what it adds to `wakes`, or when the signal fires. */
async function untilWoken(wakes: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => {
    resolve();
  };
  signal.addEventListener("abort", stop, { once: true });
  wakes.add(stop);
  if (signal.aborted) resolve();
  await promise;
  wakes.delete(stop);
  signal.removeEventListener("abort", stop);
}
