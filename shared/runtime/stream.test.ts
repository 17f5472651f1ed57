import { describe, expect, test } from "vitest";

import { createFakeClock, settle } from "../../test/build/clock.ts";
import { millis } from "../model/units.ts";
import { createLatest, createPulse, merge } from "./stream.ts";

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

describe("createLatest()", () => {
  test("gives the newest value and counts what it dropped", async () => {
    const latest = createLatest<number>();
    latest.put(1);
    latest.put(2);
    latest.put(3);
    expect([await latest.next(), latest.dropped]).toEqual([3, 2]);
  });

  test("wakes a reader that waits", async () => {
    const latest = createLatest<string>();
    const next = latest.next();
    latest.put("news");
    expect(await next).toBe("news");
  });

  test("rejects a waiting reader with the signal's reason and keeps what comes later", async () => {
    const latest = createLatest<string>();
    const controller = new AbortController();
    const next = latest.next(controller.signal);
    controller.abort(new Error("stopping"));
    await expect(next).rejects.toThrow("stopping");
    latest.put("later");
    expect(await latest.next()).toBe("later");
  });
});

describe("merge()", () => {
  async function* counting(name: string, count: number): AsyncGenerator<string> {
    for (let number = 1; number <= count; number++) {
      await Promise.resolve();
      yield `${name}${number}`;
    }
  }

  test("gives every value of every source, in order per source, and ends with the last", async () => {
    const got: string[] = [];
    for await (const value of merge(counting("a", 3), counting("b", 1), counting("c", 0))) got.push(value);
    expect(got.filter((value) => value.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
    expect(got.toSorted()).toEqual(["a1", "a2", "a3", "b1"]);
  });

  test("throws what a source throws, after the values before it, and closes the others", async () => {
    let closed = false;
    async function* failing(): AsyncGenerator<string> {
      yield "first";
      await Promise.resolve();
      throw new Error("source broke");
    }
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          await Promise.resolve();
          yield "on and on";
        }
      } finally {
        closed = true;
      }
    }
    const got: string[] = [];
    await expect(
      (async () => {
        for await (const value of merge(failing(), endless())) got.push(value);
      })(),
    ).rejects.toThrow("source broke");
    await settle();
    expect(got).toContain("first");
    expect(closed).toBe(true);
  });

  test("does not ask a source for more than the reader takes", async () => {
    let asked = 0;
    async function* eager(): AsyncGenerator<number> {
      for (;;) {
        await Promise.resolve();
        yield ++asked;
      }
    }
    const merged = merge(eager());
    await merged.next();
    await settle();
    expect(asked).toBe(1);
    await merged.return(undefined);
  });
});
