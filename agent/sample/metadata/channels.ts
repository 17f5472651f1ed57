// The rounds in which the places of a metadata service are asked: each at its own pace with some jitter, sooner after a
// failure and then more seldom, and all that fail at once when the first of them answers again. No failure ends a
// round; what an answer means is the asker's business.

import type { Random } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { createQuietLog } from "../../../shared/runtime/log.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { createPulse } from "../../../shared/runtime/stream.ts";
import type { Pulse } from "../../../shared/runtime/stream.ts";
import type { Health } from "./health.ts";

/** How one answer came out: whole, or the kind of its failure. */
export type Outcome = "ok" | ErrorKind;

/** What the asker says of the next time. "again": at once. "idle": nothing is asked here now. "over": never again. */
export type Next = "usual" | "again" | "idle" | "over";

export interface Channel {
  readonly place: string;
  readonly everyMs: Millis;
  /** May carry a notice, so that its silence is trouble. */
  readonly matters: boolean;
  /** Whether it is worth being asked each two seconds while it fails. */
  readonly isUrgent: () => boolean;
  /** `failures` in a row before this time. @throws AppError, or the signal's reason. */
  readonly ask: (failures: number) => Promise<Next>;
}

export interface Channels {
  /** Resolves when it is over or the signal has fired; never rejects. */
  run(channel: Channel): Promise<void>;
  /** Asks all places that fail or idle now. */
  poke(): void;
}

/**
 * Of a notice that may be there: with the answer's own time it is seen within a second, and within half of one in more
 * than half of all cases. Shorter, the questions would cost more of the processor than the rest of the agent leaves them.
 */
export const EVERY_SECOND_MS: Millis = millis(900);
/** A failing place: the first pause from start to start, and the longest. A service that is back is seen within two seconds. */
const FAILING_FIRST_MS = 1_000;
const FAILING_LONGEST_MS = 1_800;
/** Where a notice cannot be, after some failures in a row. */
const SLOW_FAILURES = 3;
const SLOW_LONGEST_MS = 5_000;
const IDLE_MS = 60_000;
/** So many questions may follow each other at once; then the service changes its mind each time, and waits like others. */
const QUICK_AT_MOST = 5;
const POKED_APART_MS = 200;

export function createChannels(options: {
  readonly health: Health;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onOutcome: (outcome: Outcome) => void;
}): Channels {
  const { health, clock, random, log, signal, onOutcome } = options;
  const quiet = createQuietLog(log, clock);
  /** Those that fail or idle. */
  const waiting = new Map<string, Pulse>();

  function poke(): void {
    for (const pulse of waiting.values()) pulse.trigger();
  }

  async function attempt({ place, matters, ask }: Channel, failures: number): Promise<Next | AppError> {
    try {
      const next = await ask(failures);
      if (next === "idle" || next === "over") {
        health.retire(place);
        return next;
      }
      if (matters) health.answered(place);
      onOutcome("ok");
      return next;
    } catch (error) {
      if (signal.aborted) return "over";
      onOutcome(kindOf(error));
      if (matters) health.failed(place, describe(error));
      // What is not of the service is our own, and must be seen with its stack.
      if (kindOf(error) === "bug")
        quiet.log(place, "error", { name: place, error }, "asking the metadata failed");
      else log.debug({ name: place, error, count: failures + 1 }, "asking the metadata failed");
      return error instanceof AppError ? error : new AppError("bug", describe(error), { cause: error });
    }
  }

  function pauseMs(channel: Channel, result: Next | AppError, failures: number): number {
    if (result === "idle") return IDLE_MS;
    const spread = random();
    if (!(result instanceof AppError)) return channel.everyMs * (0.975 + 0.05 * spread);
    const slow = !channel.isUrgent() && failures > SLOW_FAILURES;
    const grown = FAILING_FIRST_MS * 1.5 ** Math.min(failures - 1, 10);
    const own = Math.min(grown, slow ? SLOW_LONGEST_MS : FAILING_LONGEST_MS) * (0.9 + 0.1 * spread);
    return Math.max(own, Math.min(SLOW_LONGEST_MS, result.retryAfterMs ?? 0));
  }

  async function run(channel: Channel): Promise<void> {
    const { place } = channel;
    const pulse = createPulse(clock);
    if (channel.matters) health.expect(place);
    // Pauses are counted from the start of one question to the start of the next.
    await pulse.next({ minGapMs: millis(0), maxWaitMs: millis(0) });
    let failures = 0;
    let quick = 0;
    while (!signal.aborted) {
      const askedAtMs = clock.monotonic();
      const result = await attempt(channel, failures);
      if (result === "over") break;
      const isBack = failures > 0 && !(result instanceof AppError);
      failures = result instanceof AppError ? failures + 1 : 0;
      if (failures > 0 || result === "idle") waiting.set(place, pulse);
      else waiting.delete(place);
      if (isBack) poke();
      const wasQuick = result === "again" && clock.monotonic() - askedAtMs < channel.everyMs;
      quick = wasQuick ? quick + 1 : 0;
      const isAtOnce = result === "again" && quick <= QUICK_AT_MOST;
      const maxWaitMs = millis(isAtOnce ? 0 : pauseMs(channel, result, failures));
      const minGapMs = millis(Math.min(maxWaitMs, POKED_APART_MS));
      // It rejects for the signal alone, which the loop looks at.
      await pulse.next({ minGapMs, maxWaitMs, signal }).catch(() => {});
    }
    waiting.delete(place);
  }

  return { run, poke };
}
