// How long a move that failed is left alone before it is tried again: longer after each failure in a row, or as long as
// the provider asked for, within reason. In memory only: a new leader tries once more at once, and what a failure says of the cloud's
// stock is remembered in the status by the decision.

import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { backoffMs } from "../../shared/runtime/retry.ts";
import type { Outcome } from "./moves.ts";

export interface Pauses {
  /** Whether the move may be tried now. */
  isOver(key: string, clock: Clock): boolean;
  note(key: string, outcome: Outcome, by: { readonly clock: Clock; readonly random: Random }): void;
  forgetOld(clock: Clock): void;
}

/** From half a second, doubling, to a minute. */
const PAUSE = { baseMs: millis(1_000), capMs: millis(60_000) };
/** Nobody may keep a pool from growing for longer, whatever he asks for. */
const LONGEST_MS = 5 * PAUSE.capMs;
const REMEMBERED_MS = 10 * PAUSE.capMs;

export function createPauses(): Pauses {
  const failures = new Map<
    string,
    { readonly count: number; readonly atMs: number; readonly pauseMs: Millis }
  >();
  return {
    isOver: (key, clock) => {
      const failed = failures.get(key);
      return failed === undefined || clock.monotonic() - failed.atMs >= failed.pauseMs;
    },
    note: (key, outcome, { clock, random }) => {
      if (outcome.kind !== "failed") {
        failures.delete(key);
        return;
      }
      const count = (failures.get(key)?.count ?? 0) + 1;
      const ours = millis(PAUSE.baseMs / 2 + backoffMs(count, PAUSE, random));
      const pauseMs = millis(Math.min(outcome.retryAfterMs ?? ours, LONGEST_MS));
      failures.set(key, { count, atMs: clock.monotonic(), pauseMs });
    },
    forgetOld: (clock) => {
      for (const [key, { atMs }] of failures)
        if (clock.monotonic() - atMs > REMEMBERED_MS) failures.delete(key);
    },
  };
}
