// The pace of all calls to one account at one provider. A bucket of tokens bounds how many are sent, writes before
// reads; a provider that throttles is left alone for as long as it says, and then asked more slowly until it has
// answered well for a while. It sends each call once: a call that cannot be sent in its time is refused unsent.

import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import type { CallOptions } from "./group.ts";
import { createPace } from "./pace.ts";
import { within } from "./within.ts";

export interface Limiter {
  /**
   * Waits for its turn and calls `send` once, with a signal that ends when the call's time is over. The wait counts.
   * @throws what `send` throws; AppError `timeout` when it was sent and no answer came in time; AppError `throttled`
   * when it was never sent, with how long the account rests.
   */
  run<T>(call: string, options: CallOptions, send: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** For how long nothing will be sent because the provider asked for fewer calls; 0: it did not. */
  restMs(): Millis;
}

export interface CallNote {
  /** The name that was given to `run`. */
  readonly call: string;
  /** `not-sent`: its time was over before its turn came. `given-up`: the caller ended it. */
  readonly result: "ok" | "not-sent" | "given-up" | ErrorKind;
  /** From when it was sent; 0 when it was not. */
  readonly ms: Millis;
}

export interface LimiterOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** In messages: `aws us-west-2`. */
  readonly name: string;
  readonly onCall: (note: CallNote) => void;
  /** Calls that may go at once, and that are given back each second. */
  readonly burst?: number;
  readonly perSecond?: number;
  readonly maxInFlight?: number;
  /** By the call's name; without it, names that begin as reads do. */
  readonly isRead?: (call: string) => boolean;
}

interface Turn {
  readonly isRead: boolean;
  go(): void;
}

/** What a call needs to be worth sending: with less, its answer would come too late and leave its end unknown. */
const LEAST_LEFT_MS = 1_000;

export function createLimiter({
  clock,
  random,
  name,
  onCall,
  burst = 200,
  perSecond = 50,
  maxInFlight = 256,
  isRead = namesRead,
}: LimiterOptions): Limiter {
  const pace = createPace({ burst, perSecond, random });
  const writes = new Set<Turn>();
  const reads = new Set<Turn>();
  let inFlight = 0;
  let alarm: AbortController | null = null;

  /** Lets go whoever may go, and sets an alarm for the next one. */
  function pump(): void {
    alarm?.abort("set anew");
    alarm = null;
    for (;;) {
      const [next] = writes.size > 0 ? writes : reads;
      if (next === undefined || inFlight >= maxInFlight) return;
      const waitMs = pace.take(next.isRead, clock.monotonic());
      if (waitMs > 0) {
        wakeAfter(waitMs);
        return;
      }
      (next.isRead ? reads : writes).delete(next);
      inFlight++;
      next.go();
    }
  }

  function wakeAfter(waitMs: number): void {
    const mine = new AbortController();
    alarm = mine;
    clock.sleep(millis(Math.max(1, Math.ceil(waitMs))), mine.signal).then(pump, () => {}); // set anew
  }

  /** Waits at most `patienceMs`. @throws the signal's reason; AppError `throttled`. */
  async function turn(
    reading: boolean,
    call: string,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const restMs = pace.restMs(clock.monotonic());
    if (restMs > patienceMs) throw notSent(name, call, restMs);
    const wait = Promise.withResolvers<void>();
    const queue = reading ? reads : writes;
    const mine: Turn = { isRead: reading, go: wait.resolve };
    const timer = new AbortController();
    const onAbort = (): void => {
      wait.reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    queue.add(mine);
    pump();
    if (queue.has(mine))
      clock.sleep(millis(patienceMs), timer.signal).then(
        () => wait.reject(notSent(name, call, pace.restMs(clock.monotonic()))),
        () => {}, // its turn came
      );
    try {
      await wait.promise;
    } finally {
      timer.abort("over");
      signal.removeEventListener("abort", onAbort);
      if (queue.delete(mine)) pump();
    }
  }

  async function sent<T>(
    call: string,
    options: CallOptions,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const begunMs = clock.monotonic();
    const note = (result: CallNote["result"]): void => {
      onCall({ call, result, ms: millis(clock.monotonic() - begunMs) });
    };
    try {
      const answer = await within(clock, options, `${name}: ${call}`, send);
      pace.wentWell();
      note("ok");
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.kind === "throttled")
        pace.throttled({ begunMs, nowMs: clock.monotonic(), retryAfterMs: error.retryAfterMs });
      note(options.signal.aborted ? "given-up" : kindOf(error));
      throw error;
    } finally {
      inFlight--;
      pump();
    }
  }

  return {
    run: async (call, options, send) => {
      const { signal, deadlineMs } = options;
      const askedMs = clock.monotonic();
      const leastMs = Math.min(LEAST_LEFT_MS, deadlineMs / 4);
      try {
        await turn(isRead(call), call, deadlineMs - leastMs, signal);
      } catch (error) {
        onCall({ call, result: signal.aborted ? "given-up" : "not-sent", ms: millis(0) });
        throw error;
      }
      const leftMs = Math.max(leastMs, deadlineMs - (clock.monotonic() - askedMs));
      return await sent(call, { signal, deadlineMs: millis(leftMs) }, send);
    },
    restMs: () => millis(pace.restMs(clock.monotonic())),
  };
}

/** As providers name them. Whatever else there is may change something. */
function namesRead(call: string): boolean {
  return /^(describe|list|get|read|look)/i.test(call);
}

function notSent(name: string, call: string, restMs: number): AppError {
  const why =
    restMs > 0
      ? `the provider asks for fewer calls, so the account rests for another ${(restMs / 1000).toFixed(1)} s`
      : "too many calls wait for their turn";
  return new AppError("throttled", `${name}: ${call} was not sent: ${why}`, {
    retryAfterMs: Math.ceil(restMs),
  });
}
