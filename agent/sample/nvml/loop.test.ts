import { describe, expect, test } from "vitest";

import type { GpuCycle } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import { nextSlot, sampleOnSchedule } from "./loop.ts";

describe("sampleOnSchedule()", () => {
  test("keeps its slots whatever a cycle takes, and skips those that passed", async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const startedAt: number[] = [];
    /** How long each cycle keeps the thread, in the order of the cycles. */
    const takes = [0, 300, 2_400, 0, 0];
    const cycle = (): GpuCycle => ({ at: clock.now(), source: { state: "starting" }, samples: [] });
    let behindMs = 0;
    const late = { ...clock, monotonic: () => millis(clock.monotonic() + behindMs) };
    const loop = sampleOnSchedule({
      cycle: () => {
        startedAt.push(late.monotonic());
        behindMs += takes[startedAt.length - 1] ?? 0;
        return cycle();
      },
      onCycle: () => undefined,
      intervalMs: millis(1_000),
      clock: late,
      signal: stop.signal,
    });
    for (let step = 0; step < 40; step++) await clock.advance(100);
    expect(startedAt).toEqual([0, 1_000, 2_000, 5_000, 6_000]);
    stop.abort();
    await loop;
  });

  test("leaves the time between two cycles to whoever is given", async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const given: number[] = [];
    await sampleOnSchedule({
      cycle: () => ({ at: clock.now(), source: { state: "starting" }, samples: [] }),
      onCycle: () => undefined,
      between: async (ms) => {
        given.push(ms);
        if (given.length === 3) stop.abort();
        await clock.advance(ms);
      },
      intervalMs: millis(1_000),
      clock,
      signal: stop.signal,
    });
    expect(given).toEqual([1_000, 1_000, 1_000]);
  });

  test("ends between two cycles when it is told to", async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    let cycles = 0;
    const loop = sampleOnSchedule({
      cycle: () => ({ at: clock.now(), source: { state: "starting" }, samples: [] }),
      onCycle: () => {
        cycles += 1;
        if (cycles === 2) stop.abort();
      },
      intervalMs: millis(50),
      clock,
      signal: stop.signal,
    });
    await settle();
    await clock.advance(1_000);
    await loop;
    expect(cycles).toBe(2);
  });
});

describe("nextSlot()", () => {
  test.each([
    ["the next one", 0, 0, 1],
    ["the next one, late within the slot", 4, 4_999.5, 5],
    ["none twice when the timer was early", 4, 3_999.5, 5],
    ["the first that has not begun when the cycle was long", 4, 6_400, 7],
    ["the one after, when the cycle ended as a slot began", 4, 5_000, 6],
  ])("is %s", (_, slot, elapsedMs, expected) => {
    expect(nextSlot(slot, millis(elapsedMs), millis(1_000))).toBe(expected);
  });
});
