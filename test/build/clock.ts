// A clock that only moves when a test moves it. Sleeps that fall due are woken in order, each at its own
// instant, and whoever was woken gets the chance to sleep again before time goes on. Wall and monotonic time
// can be set apart, as they are on a machine whose clock somebody corrects.

import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly askedMs: number;
  wake(): void;
}

export interface FakeClock extends Clock {
  /** Moves time forward, waking what falls due on the way. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock without moving monotonic time, as an operator or NTP would. */
  setWall(at: number): void;
  /** How many sleeps wait now; with `askedMs`, only those that were asked for exactly so long. */
  sleeping(askedMs?: number): number;
  /** Resolves when at least `count` sleeps of exactly `askedMs` wait. No time passes. */
  untilSleeping(askedMs: number, count?: number): Promise<void>;
  /** Resolves when the next sleep begins, with the length that was asked for. No time passes. */
  nextSleep(): Promise<Millis>;
}

/** Lets promises settle and pending I/O callbacks run, without any time passing on the fake clock. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

export function createFakeClock(start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let wallOffset = start;
  let monotonicMs = 0;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<(begun: Sleeper) => void>();

  const sleeping = (askedMs?: number): number =>
    [...sleepers].filter((sleeper) => askedMs === undefined || sleeper.askedMs === askedMs).length;

  const earliest = (limitMs: number): Sleeper | undefined =>
    // `sort` is stable, so sleeps that fall due together wake in the order in which they began.
    [...sleepers].filter((sleeper) => sleeper.dueMs <= limitMs).sort((a, b) => a.dueMs - b.dueMs)[0];

  return {
    now: (): EpochMs => epochMs(wallOffset + monotonicMs),
    monotonic: (): Millis => millis(monotonicMs),
    sleep: async (ms, signal) => {
      if (signal?.aborted === true) throw signal.reason;
      // A sleep of nothing needs no time to pass.
      if (ms <= 0) return;
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          // A reason may be anything, and a clock passes on what it is given.
          reject(signal?.reason as Error);
        };
        const sleeper: Sleeper = {
          dueMs: monotonicMs + ms,
          askedMs: ms,
          wake: () => {
            signal?.removeEventListener("abort", onAbort);
            resolve();
          },
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        sleepers.add(sleeper);
        for (const watcher of watchers) watcher(sleeper);
      });
    },
    alarm: (ms, ring) => {
      const sleeper: Sleeper = { dueMs: monotonicMs + ms, askedMs: ms, wake: ring };
      sleepers.add(sleeper);
      for (const watcher of watchers) watcher(sleeper);
      return () => {
        sleepers.delete(sleeper);
      };
    },
    advance: async (ms) => {
      // Whoever is about to sleep gets to it first, so that a test need not know how many promises away that is.
      await settle();
      const target = monotonicMs + ms;
      for (let next = earliest(target); next !== undefined; next = earliest(target)) {
        monotonicMs = Math.max(monotonicMs, next.dueMs);
        sleepers.delete(next);
        next.wake();
        await settle();
      }
      monotonicMs = target;
      await settle();
    },
    setWall: (at) => {
      wallOffset = at - monotonicMs;
    },
    sleeping,
    untilSleeping: async (askedMs, count = 1) => {
      if (sleeping(askedMs) >= count) return;
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          if (sleeping(askedMs) < count) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
      });
    },
    nextSleep: async () =>
      await new Promise<Millis>((resolve) => {
        const watcher = (begun: Sleeper): void => {
          watchers.delete(watcher);
          resolve(millis(begun.askedMs));
        };
        watchers.add(watcher);
      }),
  };
}
