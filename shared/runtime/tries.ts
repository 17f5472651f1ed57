// A small stock of tries that fills itself, for questions that cost something and that strangers can make us ask. It
// remembers nobody.

import type { Clock } from "./clock.ts";

/** So many may follow one another at once; each second allows one more. */
const TRIES = 5;
const EACH_MS = 1000;

export interface Tries {
  /** Takes one; false: none is left. */
  take(): boolean;
  /** Gives one back that cost nothing after all. */
  giveBack(): void;
}

export function createTries(clock: Pick<Clock, "monotonic">): Tries {
  let left = TRIES;
  let countedAt = clock.monotonic();
  return {
    take: () => {
      const now = clock.monotonic();
      const more = Math.floor((now - countedAt) / EACH_MS);
      if (more > 0) {
        left = Math.min(TRIES, left + more);
        countedAt = now;
      }
      if (left === 0) return false;
      left--;
      return true;
    },
    giveBack: () => {
      left = Math.min(TRIES, left + 1);
    },
  };
}
