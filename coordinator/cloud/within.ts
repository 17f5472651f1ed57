// One call's limits as one signal: it ends when the caller gives up or when the call's time is over, and then the
// caller gets its answer whether or not what was called listens. It neither paces calls nor tries again.

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { CallOptions } from "./group.ts";

/**
 * Runs `send` with a signal that ends with `options.signal` or after `options.deadlineMs`.
 * @throws what `send` throws; the signal's reason; AppError `timeout` at the deadline, with `what` in its message:
 * what was sent by then may still take effect.
 */
export async function within<T>(
  clock: Clock,
  options: CallOptions,
  what: string,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, deadlineMs } = options;
  signal.throwIfAborted();
  const ends = new AbortController();
  const early = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    ends.abort(reason);
    // A reason may be anything, and the caller gets the one that was given.
    early.reject(reason as Error);
  };
  const onAbort = (): void => end(signal.reason);
  const timer = new AbortController();
  signal.addEventListener("abort", onAbort, { once: true });
  clock.sleep(deadlineMs, timer.signal).then(
    () => end(new AppError("timeout", `${what}: no answer within ${Math.round(deadlineMs)} ms`)),
    () => {}, // it ended in time
  );
  try {
    return await Promise.race([send(ends.signal), early.promise]);
  } finally {
    timer.abort("ended");
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Several calls that share one time: `left` gives each of them what the ones before have left of it.
 * @throws as `within`.
 */
export async function withinShared<T>(
  clock: Clock,
  options: CallOptions,
  what: string,
  work: (left: () => CallOptions) => Promise<T>,
): Promise<T> {
  const endMs = clock.monotonic() + options.deadlineMs;
  return await within(
    clock,
    options,
    what,
    async (signal) =>
      await work(() => ({ signal, deadlineMs: millis(Math.max(1, endMs - clock.monotonic())) })),
  );
}
