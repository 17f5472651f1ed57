// What the worker does between two cycles: it waits for what the driver reports by itself, in pieces short enough that
// messages to the worker are heard and that the next cycle is never late. Where the driver reports nothing it sleeps.

import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { MOST_IN_ONE_TURN } from "./events.ts";
import type { Events } from "./events.ts";
import { sleepUnlessAborted } from "./loop.ts";

/** No native call waits longer, so that a request to stop or to let go of the driver is heard. */
const LONGEST_WAIT_MS = 150;
/** The end of the time is slept through: a wait in whole milliseconds could outlast it. */
const SHORTEST_WAIT_MS = 5;

/** A turn that was filled, or nearly: some of what the driver tells are two words for one event. */
const FLOOD = MOST_IN_ONE_TURN / 2;

export interface Listening {
  /** Asked before each wait, since a new connection has other ones. Null while there is no connection. */
  readonly events: () => Events | null;
  readonly onEvents: (events: readonly GpuEvent[]) => void;
  readonly clock: Clock;
  /** Lets the thread's messages in. */
  readonly yield: () => Promise<void>;
}

/** Returns after `forMs`, or earlier when the signal is aborted. */
export async function listen(listening: Listening, forMs: Millis, signal: AbortSignal): Promise<void> {
  const { clock } = listening;
  const until = clock.monotonic() + forMs;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const leftMs = until - startedAt;
    if (leftMs <= 0) return;
    const events = listening.events();
    if (events?.supported !== true || leftMs < SHORTEST_WAIT_MS) {
      await sleepUnlessAborted(clock, millis(leftMs), signal);
      continue;
    }
    const waitMs = millis(Math.min(LONGEST_WAIT_MS, Math.floor(leftMs) - 1));
    const heard = events.wait(waitMs);
    if (heard.length > 0) listening.onEvents(heard);
    await listening.yield();
    // A wait that ends early without having heard anything must not become a busy loop; nor must a GPU that reports
    // without end, which would bury the main thread in messages. What the driver keeps meanwhile is heard afterwards.
    const earlyMs = waitMs - (clock.monotonic() - startedAt);
    if ((heard.length === 0 || heard.length >= FLOOD) && earlyMs > SHORTEST_WAIT_MS)
      await sleepUnlessAborted(clock, millis(earlyMs), signal);
  }
}
