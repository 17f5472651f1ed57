import { describe, expect, test } from "vitest";

import { createFakeClock, settle } from "../../test/build/clock.ts";
import { millis } from "../model/units.ts";
import { createPulse } from "./stream.ts";

const wait = { minGapMs: millis(100), maxWaitMs: millis(10_000) };

describe("createPulse()", () => {
  test("wakes at once on a trigger when the last wake-up is long ago", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    const woken = pulse.next(wait);
    pulse.trigger();
    expect(await woken).toEqual({ triggers: 1 });
    expect(clock.monotonic()).toBe(0);
  });

  test("counts triggers that came while the loop was busy and wakes once for all", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    pulse.trigger();
    pulse.trigger();
    pulse.trigger();
    expect(await pulse.next(wait)).toEqual({ triggers: 3 });
    const idle = pulse.next(wait);
    await clock.advance(10_000);
    expect(await idle).toEqual({ triggers: 0 });
  });

  test("keeps wake-ups a minimum gap apart", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    pulse.trigger();
    await pulse.next(wait);
    await clock.advance(30);
    pulse.trigger();
    const second = pulse.next(wait).then(() => clock.monotonic());
    await clock.advance(1000);
    expect(await second).toBe(100);
  });

  test("wakes without a trigger after the longest wait, counted from the wake-up before", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    pulse.trigger();
    await pulse.next(wait);
    await clock.advance(4000); // the loop's own work
    const second = pulse.next(wait).then(() => clock.monotonic());
    await clock.advance(20_000);
    expect(await second).toBe(10_000);
  });

  test("gathers from the first trigger on and is not prolonged by later ones", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    const woken = pulse
      .next({ ...wait, gatherMs: millis(200) })
      .then((answer) => [answer.triggers, clock.monotonic()]);
    await clock.advance(50);
    for (let trigger = 0; trigger < 4; trigger++) {
      pulse.trigger();
      await clock.advance(60);
    }
    await clock.advance(1000);
    expect(await woken).toEqual([4, 250]);
  });

  test("rejects with the reason of its signal and wakes again afterwards", async () => {
    const clock = createFakeClock();
    const pulse = createPulse(clock);
    const controller = new AbortController();
    const woken = pulse.next({ ...wait, signal: controller.signal });
    await settle();
    controller.abort(new Error("stopping"));
    await expect(woken).rejects.toThrow("stopping");
    pulse.trigger();
    expect(await pulse.next(wait)).toEqual({ triggers: 1 });
  });
});
