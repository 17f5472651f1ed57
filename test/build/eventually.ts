// Waits for something that other processes bring about: looks again whenever the caller's source says that it has
// changed, and at short intervals for what announces nothing. A condition that never holds fails with what was
// seen last.

import { setTimeout as delay } from "node:timers/promises";

export interface EventuallyOptions {
  readonly withinMs?: number;
  /** What to tell when it never holds. */
  readonly describe?: () => string;
}

const LOOK_MS = 20;

/** Resolves with the first value that is neither null, undefined nor false. */
export async function eventually<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  { withinMs = 20_000, describe }: EventuallyOptions = {},
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  let failure: unknown = null;
  for (;;) {
    try {
      const value = await look();
      failure = null;
      if (value !== null && value !== undefined && value !== false) return value;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > giveUpAt) {
      const last = failure instanceof Error ? `: ${failure.message}` : "";
      throw new Error(
        `not within ${withinMs} ms: ${look.toString().slice(0, 200)}${last}\n${describe?.() ?? ""}`,
      );
    }
    await delay(LOOK_MS);
  }
}
