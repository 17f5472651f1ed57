// Joints between streams that bring news and loops that act on it. Nothing is decided where news arrives: a
// stream updates a store and triggers a pulse, and the loop wakes at its own pace. A pulse holds a number and
// no values, so it cannot grow.

import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import type { Clock } from "./clock.ts";

export interface PulseWait {
  /** Never wake sooner than this after the wake-up before. */
  readonly minGapMs: Millis;
  /** Wake so long after the wake-up before even when nothing happened (the first time: after the call). */
  readonly maxWaitMs: Millis;
  /** After the first trigger, wait so long for more; later triggers never prolong it. Default 0. */
  readonly gatherMs?: Millis;
  readonly signal?: AbortSignal;
}

/** `triggers`: how many triggers this wake-up answers, 0 when only time has passed. */
export interface Wakeup {
  readonly triggers: number;
}

export interface Pulse {
  /** Asks for a wake-up. Cheap, and safe from any callback. */
  trigger(): void;
  /** Waits for the next wake-up; one waiter at a time. Rejects with the signal's reason. */
  next(wait: PulseWait): Promise<Wakeup>;
}

/** Many triggers, one wake-up: none is lost, and a loop that is busy finds them all in its next wait. */
export function createPulse(clock: Clock): Pulse {
  let triggers = 0;
  let firstAtMs: number | null = null;
  let wokeAtMs: number | null = null;
  let wake: (() => void) | null = null;

  function dueAtMs(wait: PulseWait, startedMs: number): number {
    const earliest = wokeAtMs === null ? startedMs : wokeAtMs + wait.minGapMs;
    const latest = (wokeAtMs ?? startedMs) + wait.maxWaitMs;
    if (firstAtMs === null) return Math.max(earliest, latest);
    return Math.max(earliest, Math.min(latest, firstAtMs + (wait.gatherMs ?? 0)));
  }

  return {
    trigger: () => {
      triggers++;
      if (firstAtMs !== null) return;
      firstAtMs = clock.monotonic();
      wake?.();
    },
    next: async (wait) => {
      const startedMs = clock.monotonic();
      wait.signal?.throwIfAborted();
      // The due time moves once, when the first trigger comes; each round sleeps to the due time as known.
      for (;;) {
        const leftMs = dueAtMs(wait, startedMs) - clock.monotonic();
        if (leftMs <= 0) break;
        await sleepUnlessWoken(clock, millis(leftMs), wait.signal, (set) => {
          wake = set;
        });
      }
      const answered = { triggers };
      triggers = 0;
      firstAtMs = null;
      wokeAtMs = clock.monotonic();
      return answered;
    },
  };
}

/** Lets what is ready run, messages and answers above all, before whoever works on goes on. */
export async function nextTurn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

/** Sleeps, or returns early when the function given to `arm` is called. Rejects with the signal's reason. */
function sleepUnlessWoken(
  clock: Clock,
  ms: Millis,
  signal: AbortSignal | undefined,
  arm: (wake: (() => void) | null) => void,
): Promise<void> {
  // An alarm and a listener that is taken off again: loops wait often, and a signal of its own for each wait, or one more
  // on the program's, would cost more than the wait.
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      stop();
      arm(null);
      signal?.removeEventListener("abort", wake);
      // A reason may be anything, and is passed on as it was given.
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve();
    };
    const stop = clock.alarm(ms, wake);
    signal?.addEventListener("abort", wake, { once: true });
    arm(wake);
  });
}
