// A policy that looks at its cluster at fixed intervals: news between two looks wait for the next one. While nothing is open
// no look is worth its time, so that a scan that could change nothing is left out; which instants are looked at stays the same.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Sizer, SizerStep } from "../sizer.ts";
import { seen } from "./seen.ts";
import type { Seen } from "./seen.ts";

export interface Looked {
  readonly moves: SizerStep["moves"];
  /** When time alone would change the answer; null: it would not. */
  readonly changesInMs: number | null;
}

/** Looks lie on multiples of `everyMs` since the first question. */
export function scanning(name: string, everyMs: Millis, look: (seen: Seen) => Looked): Sizer {
  let origin: EpochMs | null = null;
  let lookedAt = -Infinity;

  /** From now to the first look at or after `inMs`. */
  function untilScan(at: EpochMs, inMs: number): Millis {
    const since = at - (origin ?? at);
    return millis(Math.ceil((since + inMs) / everyMs) * everyMs - since);
  }

  return {
    name,
    step: (snapshot) => {
      const { at } = snapshot;
      origin ??= at;
      const isScan = (at - origin) % everyMs === 0 && at > lookedAt;
      if (!isScan) return { moves: [], againInMs: untilScan(at, at === lookedAt ? 1 : 0), plan: null };
      const view = seen(snapshot);
      if (view === null) return { moves: [], againInMs: null, plan: null };
      lookedAt = at;
      const { moves, changesInMs } = look(view);
      const next = moves.length > 0 ? everyMs : changesInMs;
      return { moves, againInMs: next === null ? null : untilScan(at, Math.max(1, next)), plan: null };
    },
  };
}
