// Capped exponential backoff with full jitter, and a loop that repeats a call while its error says that
// repeating may help. Which errors may be repeated is the table of kinds in errors.ts, unless the caller is
// stricter; what a repetition would do twice is the caller's business.

import type { Random } from "../model/random.ts";
import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import type { Clock } from "./clock.ts";
import { AppError, describe } from "./errors.ts";
import type { ErrorKind } from "./errors.ts";

export interface BackoffLimits {
  /** Upper bound of the first pause; doubles with each failure. */
  readonly baseMs: Millis;
  /** Upper bound of every pause. */
  readonly capMs: Millis;
}

export interface RetryOptions extends BackoffLimits {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
  /** Calls in all, the first included; at least 1. */
  readonly attempts: number;
  /** Kinds worth another call; without it, every kind that the table of kinds calls retryable. */
  readonly kinds?: readonly ErrorKind[];
  readonly onRetry?: (error: AppError, pauseMs: Millis) => void;
}

/**
 * The pause after `failures` failures in a row (the first failure is 1): a random share of
 * base × 2^(failures − 1), never above the cap. The whole range is used, so that clients that failed together
 * do not return together.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: Random): Millis {
  // 2^30 × any base is above every sensible cap; the exponent is bounded so that it cannot become Infinity.
  const exponent = Math.min(30, Math.max(0, failures - 1));
  const bound = Math.min(limits.capMs, limits.baseMs * 2 ** exponent);
  return millis(Math.floor(random() * bound));
}

/**
 * Calls `attempt` until it succeeds, fails with an error that is not worth repeating, or has been called
 * `attempts` times. A server that says how long to wait is believed, up to the cap.
 * @throws the error of the last call; when attempts ran out, an AppError of the same kind that says so.
 */
export async function retry<T>(attempt: (number: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let number = 1; ; number++) {
    options.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      if (!(error instanceof AppError) || !worthRepeating(error, options.kinds)) throw error;
      if (number >= options.attempts) throw exhausted(error, number);
      const pauseMs = pauseAfter(error, number, options);
      options.onRetry?.(error, pauseMs);
      await options.clock.sleep(pauseMs, options.signal);
    }
  }
}

function worthRepeating(error: AppError, kinds: readonly ErrorKind[] | undefined): boolean {
  return kinds === undefined ? error.retryable : kinds.includes(error.kind);
}

/** The longer of our own pause and the one that the other side asked for, never above the cap. */
export function pauseAfter(
  error: AppError,
  failures: number,
  options: BackoffLimits & { random: Random },
): Millis {
  const ours = backoffMs(failures, options, options.random);
  return millis(Math.min(options.capMs, Math.max(ours, error.retryAfterMs ?? 0)));
}

function exhausted(error: AppError, attempts: number): AppError {
  if (attempts === 1) return error;
  return new AppError(error.kind, `gave up after ${attempts} attempts: ${describe(error)}`, {
    data: { ...error.data, attempts },
    retryAfterMs: error.retryAfterMs,
    cause: error.cause,
  });
}

/** Sleeps; answers whether the time has passed, false when the signal ended it before. */
export async function pause(clock: Clock, ms: Millis, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
