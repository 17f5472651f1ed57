// How fast one account may be asked: a bucket that fills with time, of which reads leave a part for writes, and a
// rate that halves when the provider throttles and grows back with each good answer. It only counts; limiter.ts
// waits and sends. Times are milliseconds of one monotonic clock.

import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { backoffMs } from "../../shared/runtime/retry.ts";

export interface Pace {
  /** Takes a token and answers 0, or takes none and answers after how many milliseconds to ask again. */
  take(isRead: boolean, nowMs: number): number;
  /** How long the account still rests. */
  restMs(nowMs: number): number;
  wentWell(): void;
  /** A call that was sent at `begunMs` was refused for the pace. */
  throttled(refusal: {
    readonly begunMs: number;
    readonly nowMs: number;
    readonly retryAfterMs: number | null;
  }): void;
  /** Calls a second at this moment, at most. */
  rate(): number;
}

/** Of the bucket: what reads leave for writes. */
const FOR_WRITES = 0.25;
/** Of the full rate: what each good answer gives back. */
const RECOVERY = 0.02;
/** Of the full rate: never slower. */
const SLOWEST = 1 / 64;
const REST = { baseMs: millis(1_000), capMs: millis(60_000) };
/** A provider that asks for more is asked again after this. */
const LONGEST_ADVICE_MS = 300_000;

export function createPace({
  burst,
  perSecond,
  random,
}: {
  readonly burst: number;
  readonly perSecond: number;
  readonly random: Random;
}): Pace {
  let share = 1;
  let tokens = burst;
  let filledMs: number | null = null;
  let restUntilMs = 0;
  let throttledMs: number | null = null;
  let inARow = 0;

  function fill(nowMs: number): void {
    // While it rests nothing is saved up: the first calls afterwards come at the slower pace.
    const fromMs = Math.max(filledMs ?? nowMs, Math.min(restUntilMs, nowMs));
    filledMs = nowMs;
    const room = Math.max(1, burst * share);
    tokens = Math.min(room, tokens + ((nowMs - fromMs) / 1000) * perSecond * share);
  }

  return {
    take: (isRead, nowMs) => {
      if (nowMs < restUntilMs) return restUntilMs - nowMs;
      fill(nowMs);
      // A bucket of less than a few has nothing to leave.
      const left = isRead ? Math.floor(burst * share * FOR_WRITES) : 0;
      // Sums of parts miss a whole by a hair.
      const lacking = left + 1 - tokens - 1e-9;
      if (lacking > 0) return (lacking / (perSecond * share)) * 1000;
      tokens -= 1;
      return 0;
    },
    restMs: (nowMs) => Math.max(0, restUntilMs - nowMs),
    wentWell: () => {
      inARow = 0;
      share = Math.min(1, share + RECOVERY);
    },
    throttled: ({ begunMs, nowMs, retryAfterMs }) => {
      fill(nowMs);
      tokens = 0;
      // Calls that were on their way together are refused together, and say one thing.
      if (throttledMs === null || begunMs >= throttledMs) {
        inARow++;
        share = Math.max(SLOWEST, share / 2);
        throttledMs = nowMs;
      }
      // Half of the pause is certain: a share of nothing would be no rest at all.
      const own = backoffMs(inARow, REST, random) / 2 + REST.baseMs / 2;
      const advised = Math.min(LONGEST_ADVICE_MS, retryAfterMs ?? 0);
      restUntilMs = Math.max(restUntilMs, nowMs + Math.max(own, advised));
    },
    rate: () => perSecond * share,
  };
}
