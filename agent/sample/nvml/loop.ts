// The sampling loop: one cycle at each slot of an absolute schedule, so that the rate does not drift with the
// time a cycle takes. A slot that passed while the driver was slow is skipped, never made up for.

import type { GpuCycle } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";

/** Runs until the signal is aborted; then returns, never in the middle of a cycle. */
export async function sampleOnSchedule(options: {
  readonly cycle: () => GpuCycle;
  readonly onCycle: (cycle: GpuCycle) => void;
  /** Spends the time until the next slot, and ends early when the signal is aborted. Sleeps when not given. */
  readonly between?: (ms: Millis, signal: AbortSignal) => Promise<void>;
  readonly intervalMs: Millis;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { cycle, onCycle, intervalMs, clock, signal } = options;
  const between = options.between ?? ((ms: Millis) => sleepUnlessAborted(clock, ms, signal));
  const startedAt = clock.monotonic();
  for (let slot = 0; !signal.aborted;) {
    onCycle(cycle());
    const elapsedMs = millis(clock.monotonic() - startedAt);
    slot = nextSlot(slot, elapsedMs, intervalMs);
    await between(millis(Math.max(0, slot * intervalMs - elapsedMs)), signal);
  }
}

/**
 * The number of the first slot that has not begun. It never repeats a slot: timers may fire a fraction of a
 * millisecond early, and the slot that was just served would then seem to lie ahead.
 */
export function nextSlot(slot: number, elapsedMs: Millis, intervalMs: Millis): number {
  return Math.max(slot, Math.floor(elapsedMs / intervalMs)) + 1;
}

/** An ordinary sleep that ends early, without an error, when the signal is aborted. */
export async function sleepUnlessAborted(clock: Clock, ms: Millis, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
