// Joints between streams that bring news and loops that act on it. Nothing is decided where news arrives: a
// stream updates a store and triggers a pulse, and the loop wakes at its own pace. Every buffer here holds
// one value at most, or one per source, so none can grow.

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

/** Sleeps, or returns early when the function given to `arm` is called. Rejects with the signal's reason. */
async function sleepUnlessWoken(
  clock: Clock,
  ms: Millis,
  signal: AbortSignal | undefined,
  arm: (wake: (() => void) | null) => void,
): Promise<void> {
  const awake = new AbortController();
  const wake = (): void => {
    awake.abort();
  };
  // A listener that is taken off again: AbortSignal.any would hang one more signal on the program's for each wait.
  signal?.addEventListener("abort", wake, { once: true });
  arm(wake);
  try {
    await clock.sleep(ms, awake.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!awake.signal.aborted) throw error;
  } finally {
    arm(null);
    signal?.removeEventListener("abort", wake);
  }
}

export interface Latest<T> {
  /** Replaces what has not been taken yet. */
  put(value: T): void;
  /** The newest value; waits for one when there is none. One waiter at a time. Rejects with the signal's reason. */
  next(signal?: AbortSignal): Promise<T>;
  /** How many values were replaced before anybody took them. */
  readonly dropped: number;
}

/** A slot for one value. Newest wins: a reader that is late gets the state of now, not a backlog. */
export function createLatest<T>(): Latest<T> {
  let held: { readonly value: T } | null = null;
  let dropped = 0;
  let arrived: (() => void) | null = null;

  return {
    get dropped() {
      return dropped;
    },
    put: (value) => {
      if (held !== null) dropped++;
      held = { value };
      arrived?.();
    },
    next: async (signal) => {
      while (held === null) {
        await untilCalled(signal, (set) => {
          arrived = set;
        });
      }
      // A put may have come while this function was suspended: what is taken is what is held now.
      const { value } = held;
      held = null;
      return value;
    },
  };
}

/** Resolves when the function given to `arm` is called; rejects with the signal's reason. */
async function untilCalled(
  signal: AbortSignal | undefined,
  arm: (call: (() => void) | null) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  arm(resolve);
  try {
    await promise;
  } finally {
    arm(null);
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * The values of all sources as they come; ends when all have ended. Holds one value per source, so a slow
 * reader slows the sources down. When one source fails the others are closed and the error is thrown.
 */
export async function* merge<T>(...sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  type Arrival =
    | { readonly kind: "value"; readonly value: T; readonly from: AsyncIterator<T> }
    | { readonly kind: "end" }
    | { readonly kind: "failure"; readonly error: unknown };
  const arrivals: Arrival[] = [];
  const open = new Set(sources.map((source) => source[Symbol.asyncIterator]()));
  let arrived: (() => void) | null = null;

  // Not Promise.race: each race leaves a reaction on the promise of a quiet source, which never goes away.
  const pull = (from: AsyncIterator<T>): void => {
    const settled = (arrival: Arrival): void => {
      if (arrival.kind !== "value") open.delete(from);
      arrivals.push(arrival);
      arrived?.();
    };
    from.next().then(
      (step) => {
        settled(step.done === true ? { kind: "end" } : { kind: "value", value: step.value, from });
      },
      (error: unknown) => {
        settled({ kind: "failure", error });
      },
    );
  };

  for (const iterator of open) pull(iterator);
  try {
    while (open.size > 0 || arrivals.length > 0) {
      const arrival = arrivals.shift();
      if (arrival === undefined) {
        await untilCalled(undefined, (set) => {
          arrived = set;
        });
      } else if (arrival.kind === "failure") {
        throw arrival.error;
      } else if (arrival.kind === "value") {
        yield arrival.value;
        pull(arrival.from);
      }
    }
  } finally {
    // A generator that waits for its next value takes a `return` only after that value has come, so closing
    // is asked for and not awaited; such sources end with their signal.
    for (const iterator of open) void iterator.return?.().catch(() => {});
  }
}
