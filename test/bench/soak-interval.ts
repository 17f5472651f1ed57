// The pace of the soak, as its two processes know it.

import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

/** Four times as often as an agent can be told to read, and twenty times as often as it does. */
export const SOAK_INTERVAL_MS = millis(50);
/** For parts whose pace is not a setting. */
const SPEED = 20;

/** A clock that goes twenty times as fast from `since` on: for all who count from the same instant, the same time. */
export function hurriedClock(since: EpochMs): Clock {
  return {
    now: () => epochMs(since + (systemClock.now() - since) * SPEED),
    monotonic: () => millis(systemClock.monotonic() * SPEED),
    sleep: (ms, signal) => systemClock.sleep(millis(ms / SPEED), signal),
    alarm: (ms, ring) => systemClock.alarm(millis(ms / SPEED), ring),
  };
}
