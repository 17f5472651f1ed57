// When the next cycle begins. News wakes the loop at once, but never sooner than a gap after the last wake-up;
// pods open a batch that ends a fixed time after its first, so that a burst is decided together and a steady
// trickle cannot put it off; an interruption waits for nothing but the gap. Without news there is a slow beat. A cycle
// that took long is followed by as long a rest, but for pods and interruptions, so that what comes meanwhile is heard.

import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { nextTurn } from "../shared/runtime/stream.ts";

export type News = "pods" | "other" | "urgent";

export interface Wake {
  /** Cheap, and safe from any callback. */
  trigger(news: News): void;
  /** Whether urgent news has come since the last wake-up. */
  isUrgent(): boolean;
  /**
   * One waiter at a time. The first wait ends at once; later ones at the latest `withinMs` after the last wake-up,
   * when that is sooner than the beat. Rejects with the signal's reason.
   */
  next(signal: AbortSignal, withinMs?: Millis | null): Promise<void>;
}

export interface WakeOptions {
  readonly clock: Clock;
  readonly gapMs: Millis;
  readonly batchMs: Millis;
  readonly beatMs: Millis;
}

/** A cycle may also have waited for calls, which keeps nobody from being heard. */
const LONGEST_REST_MS = 500;

export function createWake({ clock, gapMs, batchMs, beatMs }: WakeOptions): Wake {
  let wokeAtMs: number | null = null;
  let urgent = false;
  let other = false;
  let batchSinceMs: number | null = null;
  let stir: (() => void) | null = null;

  function dueAtMs(withinMs: Millis | null, restedAtMs: number): number {
    if (wokeAtMs === null) return 0;
    const earliest = wokeAtMs + gapMs;
    const latest = Math.max(restedAtMs, wokeAtMs + Math.max(gapMs, Math.min(beatMs, withinMs ?? beatMs)));
    if (urgent) return earliest;
    // While a batch is open, other news waits with it: the cycle at its end answers both.
    if (batchSinceMs !== null) return Math.max(earliest, Math.min(batchSinceMs + batchMs, latest));
    return other ? Math.max(earliest, restedAtMs) : latest;
  }

  return {
    trigger: (news) => {
      if (news === "urgent") urgent = true;
      else if (news === "other") other = true;
      else batchSinceMs ??= clock.monotonic();
      stir?.();
    },
    isUrgent: () => urgent,
    next: async (signal, withinMs = null) => {
      // A loop that is always due would let nothing else of the process run: no message, no probe, no lease.
      await nextTurn();
      const askedAtMs = clock.monotonic();
      const tookMs = wokeAtMs === null ? 0 : askedAtMs - wokeAtMs;
      const restedAtMs = askedAtMs + Math.min(tookMs, LONGEST_REST_MS);
      for (;;) {
        signal.throwIfAborted();
        const leftMs = dueAtMs(withinMs, restedAtMs) - clock.monotonic();
        if (leftMs <= 0) break;
        const stirred = new AbortController();
        stir = () => {
          stirred.abort();
        };
        await clock
          .sleep(millis(leftMs), AbortSignal.any([signal, stirred.signal]))
          .catch((error: unknown) => {
            if (!stirred.signal.aborted && !signal.aborted) throw error;
          });
        stir = null;
      }
      wokeAtMs = clock.monotonic();
      urgent = false;
      other = false;
      batchSinceMs = null;
    },
  };
}
