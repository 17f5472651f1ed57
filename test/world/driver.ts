// Real time for the world: its instant follows a clock, and it is woken when something is due. The clock is a
// parameter, so a test can hold it in its hand.

import type { World } from "../../coordinator/replay/world.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface Driver {
  /** Brings the world to the present. */
  catchUp(): void;
  /** Looks again at when the next event is due, after a write from outside. */
  rearm(): void;
  /** Keeps the world at the present until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export interface DriverOptions {
  readonly world: World;
  readonly clock: Clock;
  /** Seconds of the world in a second of the clock. */
  readonly speed: number;
  /** After the world moved by itself. */
  readonly onMove: () => void;
}

export function createDriver({ world, clock, speed, onMove }: DriverOptions): Driver {
  const clockStart = clock.monotonic();
  const worldStart = world.now;
  let waiting = new AbortController();

  function present(): EpochMs {
    return epochMs(worldStart + (clock.monotonic() - clockStart) * speed);
  }

  function catchUp(): void {
    const to = present();
    if (to > world.now) world.advance(to);
  }

  /** Sleeps until the next event, or until there may be an earlier one. */
  async function pause(): Promise<void> {
    waiting = new AbortController();
    const next = world.nextEventAt();
    const ms =
      next === null ? IDLE_MS : Math.min(IDLE_MS, Math.max(1, Math.ceil((next - present()) / speed)));
    try {
      await clock.sleep(millis(ms), waiting.signal);
    } catch (error) {
      if (!waiting.signal.aborted) throw error;
    }
  }

  return {
    catchUp,
    rearm: () => waiting.abort(),
    run: async (signal) => {
      signal.addEventListener("abort", () => waiting.abort(), { once: true });
      while (!signal.aborted) {
        catchUp();
        onMove();
        await pause();
      }
    },
  };
}

/** The longest sleep; with nothing due there is no hurry to look. */
const IDLE_MS = 60_000;
