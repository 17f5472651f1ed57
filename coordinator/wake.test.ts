import { describe, expect, test } from "vitest";

import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import { createFakeClock } from "../test/build/clock.ts";
import { createWake } from "./wake.ts";
import type { Wake } from "./wake.ts";

function aWake() {
  const clock = createFakeClock();
  const wake = createWake({ clock, gapMs: millis(100), batchMs: millis(200), beatMs: millis(10_000) });
  return { clock, wake, next: (from: Wake = wake) => wokenAt(clock, from) };
}

/** When the next wake-up comes, on the monotonic clock; null as long as it has not. */
function wokenAt(
  clock: ReturnType<typeof createFakeClock>,
  wake: Wake,
  signal = new AbortController().signal,
  withinMs: Millis | null = null,
) {
  const state: { at: number | null } = { at: null };
  const done = wake.next(signal, withinMs).then(() => {
    state.at = clock.monotonic();
  });
  return { state, done };
}

async function begun() {
  const made = aWake();
  await made.wake.next(new AbortController().signal);
  return made;
}

describe("createWake()", () => {
  test("wakes at once the first time", async () => {
    const { next } = aWake();
    const first = next();
    await first.done;
    expect(first.state.at).toBe(0);
  });

  test("says that a notice has come until the wake-up that answers it", async () => {
    const { clock, wake, next } = await begun();
    wake.trigger("other");
    wake.trigger("pods");
    expect(wake.isUrgent()).toBe(false);
    wake.trigger("urgent");
    expect(wake.isUrgent()).toBe(true);
    const waiting = next();
    await clock.advance(100);
    await waiting.done;
    expect(wake.isUrgent()).toBe(false);
  });

  test("wakes after the beat when nothing happens", async () => {
    const { clock, next } = await begun();
    const waiting = next();
    await clock.advance(9_999);
    expect(waiting.state.at).toBeNull();
    await clock.advance(1);
    expect(waiting.state.at).toBe(10_000);
  });

  test.each([
    ["when the plan is due to change before the beat", 1500, 1500],
    ["no sooner than the gap, however soon that is", 0, 100],
    ["no later than the beat", 60_000, 10_000],
  ])("wakes without news %s", async (_, withinMs, expectedMs) => {
    const { clock, wake } = await begun();
    const waiting = wokenAt(clock, wake, new AbortController().signal, millis(withinMs));
    await clock.advance(expectedMs - 1);
    expect(waiting.state.at).toBeNull();
    await clock.advance(1);
    expect(waiting.state.at).toBe(expectedMs);
  });

  test("answers news no sooner than the gap after the last wake-up", async () => {
    const { clock, wake, next } = await begun();
    wake.trigger("other");
    const waiting = next();
    await clock.advance(99);
    expect(waiting.state.at).toBeNull();
    await clock.advance(1);
    expect(waiting.state.at).toBe(100);
  });

  test("rests after a cycle for as long as it took, half a second at most, whatever else has changed", async () => {
    for (const [tookMs, restMs] of [
      [300, 300],
      [5_000, 500],
    ] as const) {
      const { clock, wake, next } = await begun();
      await clock.advance(tookMs);
      wake.trigger("other");
      const waiting = next();
      await clock.advance(restMs - 1);
      expect(waiting.state.at).toBeNull();
      await clock.advance(1);
      expect(waiting.state.at).toBe(tookMs + restMs);
    }
  });

  test.each([
    ["pods", 450],
    ["urgent", 300],
  ] as const)("does not let %s wait for that rest", async (news, expectedMs) => {
    const { clock, wake, next } = await begun();
    await clock.advance(250);
    wake.trigger(news);
    await clock.advance(50);
    const waiting = next();
    await clock.advance(200);
    expect(waiting.state.at).toBe(expectedMs);
  });

  test("lets what is ready run before each cycle, also when one is always due", async () => {
    let nowMs = 0;
    // Each look at the clock is later by more than the gap: no sleep is ever needed.
    const clock = { ...createFakeClock(), monotonic: () => millis((nowMs += 200)) };
    const wake = createWake({ clock, gapMs: millis(100), batchMs: millis(200), beatMs: millis(10_000) });
    let turns = 0;
    const count = (): void => {
      turns++;
      if (turns < 3) setImmediate(count);
    };
    setImmediate(count);
    for (let cycle = 0; cycle < 3; cycle++) {
      wake.trigger("urgent");
      await wake.next(new AbortController().signal);
    }
    expect(turns).toBe(3);
  });

  test("ends a batch a fixed time after its first pod, however many follow", async () => {
    const { clock, wake, next } = await begun();
    await clock.advance(1_000);
    const waiting = next();
    for (let at = 0; at < 200; at += 50) {
      wake.trigger("pods");
      await clock.advance(50);
    }
    expect(waiting.state.at).toBe(1_200);
  });

  test("lets other news wait with an open batch", async () => {
    const { clock, wake, next } = await begun();
    await clock.advance(1_000);
    const waiting = next();
    wake.trigger("pods");
    await clock.advance(50);
    wake.trigger("other");
    await clock.advance(100);
    expect(waiting.state.at).toBeNull();
    await clock.advance(50);
    expect(waiting.state.at).toBe(1_200);
  });

  test("does not let an interruption wait for a batch", async () => {
    const { clock, wake, next } = await begun();
    await clock.advance(1_000);
    const waiting = next();
    wake.trigger("pods");
    await clock.advance(10);
    wake.trigger("urgent");
    await clock.advance(0);
    expect(waiting.state.at).toBe(1_010);
  });

  test("loses no news that comes while nobody waits", async () => {
    const { clock, wake, next } = await begun();
    wake.trigger("urgent");
    await clock.advance(5_000);
    const waiting = next();
    await waiting.done;
    expect(waiting.state.at).toBe(5_000);
  });

  test("answers all news so far with one wake-up", async () => {
    const { clock, wake, next } = await begun();
    await clock.advance(500);
    wake.trigger("pods");
    wake.trigger("other");
    wake.trigger("urgent");
    await next().done;
    const waiting = next();
    await clock.advance(9_999);
    expect(waiting.state.at).toBeNull();
  });

  test("ends with its signal", async () => {
    const { clock, wake } = await begun();
    const stop = new AbortController();
    const { done } = wokenAt(clock, wake, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(done).rejects.toThrow("stopped");
  });
});
