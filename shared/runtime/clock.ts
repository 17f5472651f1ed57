// Time as a parameter. Pure code takes `now`; code that has to wait takes a Clock, so that tests step time
// instead of sleeping. Wall time says when, monotonic time says how long: a drain must not grow shorter
// because somebody set the clock.

import { performance } from "node:perf_hooks";

import { epochMs, millis } from "../model/units.ts";
import type { EpochMs, Millis } from "../model/units.ts";

export interface Clock {
  /** Wall-clock instant. May jump. */
  now(): EpochMs;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): Millis;
  /** Resolves after `ms`; rejects with the signal's reason when aborted before. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
  /** Calls `ring` once after `ms`, or never when what it returns was called before. Cheaper than a sleep. */
  alarm(ms: Millis, ring: () => void): () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Node's timers count to 31 bits and fire at once on more, so a longer wait is taken in steps. */
export function* timerSteps(ms: Millis): Generator<number> {
  let left: number = ms;
  for (; left > LONGEST_TIMER_MS; left -= LONGEST_TIMER_MS) yield LONGEST_TIMER_MS;
  yield left;
}

export const systemClock: Clock = {
  now: () => epochMs(Date.now()),
  monotonic: () => millis(performance.now()),
  sleep: async (ms, signal) => {
    for (const step of timerSteps(ms)) {
      signal?.throwIfAborted();
      await timerOrAbort(step, signal);
    }
    signal?.throwIfAborted();
  },
  alarm: (ms, ring) => {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      const step = Math.min(left, LONGEST_TIMER_MS);
      timer = setTimeout(() => {
        if (left > step) wait(left - step);
        else ring();
      }, step);
    };
    wait(ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Node's own promised timer makes an error with a stack for each sleep that ends early, and loops end many. */
function timerOrAbort(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
