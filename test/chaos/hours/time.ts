// Virtual time: one queue of alarms, and clocks that read it. A clock may be set apart from the others, as a replica's
// wall clock is, and counts who waits on it, so that whoever steps the time knows when all have come to rest.

import { createEventQueue } from "../../../coordinator/replay/world-time.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";

export interface VirtualClock extends Clock {
  /** How many sleeps and alarms wait on this clock. */
  readonly sleeping: number;
  /** Sets the wall clock apart. */
  set(offsetMs: number): void;
}

export interface VirtualTime {
  /** Since the run began. */
  readonly ms: number;
  readonly nextAt: number | null;
  /** Moves to `to`, ringing nothing. */
  moveTo(to: number): void;
  /** Rings what is due. */
  ring(): void;
  /** Rings at `at`, or at once when that is past. What it returns takes it back. */
  alarm(at: number, run: () => void): () => void;
  clock(): VirtualClock;
}

/** @param start of the wall clock, milliseconds since 1970. */
export function createTime(start: number): VirtualTime {
  const queue = createEventQueue();
  let now = 0;

  function alarm(at: number, run: () => void): () => void {
    let off = false;
    queue.add(epochMs(Math.max(at, now)), () => {
      if (!off) run();
    });
    return () => {
      off = true;
    };
  }

  function clock(): VirtualClock {
    let sleeping = 0;
    let offset = 0;
    return {
      get sleeping() {
        return sleeping;
      },
      set: (offsetMs) => {
        offset = offsetMs;
      },
      now: () => epochMs(start + now + offset),
      monotonic: () => millis(now),
      sleep: async (ms: Millis, signal?: AbortSignal) => {
        signal?.throwIfAborted();
        if (ms <= 0) return;
        sleeping += 1;
        await new Promise<void>((resolve, reject) => {
          const onAbort = (): void => {
            off();
            sleeping -= 1;
            // A reason may be anything, and a clock passes on what it is given.
            reject(signal?.reason as Error);
          };
          const off = alarm(now + ms, () => {
            signal?.removeEventListener("abort", onAbort);
            sleeping -= 1;
            resolve();
          });
          signal?.addEventListener("abort", onAbort, { once: true });
        });
      },
      alarm: (ms, run) => {
        let open = true;
        sleeping += 1;
        const end = (): void => {
          if (open) sleeping -= 1;
          open = false;
        };
        const off = alarm(now + ms, () => {
          end();
          run();
        });
        return () => {
          end();
          off();
        };
      },
    };
  }

  return {
    get ms() {
      return now;
    },
    get nextAt() {
      return queue.nextAt();
    },
    moveTo: (to) => {
      now = to;
    },
    ring: () => {
      for (let run = queue.takeDue(epochMs(now)); run !== null; run = queue.takeDue(epochMs(now))) run();
    },
    alarm,
    clock,
  };
}

/** Lets whoever is awake go on. */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
