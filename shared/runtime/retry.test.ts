import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import { seededRandom } from "../model/random.ts";
import { millis } from "../model/units.ts";
import { AppError } from "./errors.ts";
import { backoffMs, pause, retry } from "./retry.ts";

const limits = { baseMs: millis(100), capMs: millis(1000) };

describe("backoffMs()", () => {
  test("doubles its bound with each failure up to the cap", () => {
    const almostAll = (): number => 0.999_999;
    expect([1, 2, 3, 4, 5, 500].map((failures) => backoffMs(failures, limits, almostAll))).toEqual([
      99, 199, 399, 799, 999, 999,
    ]);
  });

  test("uses the whole range below its bound", () => {
    const random = seededRandom(7);
    const pauses = Array.from({ length: 1000 }, () => backoffMs(10, limits, random));
    expect(Math.min(...pauses)).toBeLessThan(50);
    expect(Math.max(...pauses)).toBeGreaterThan(950);
  });
});

describe("retry()", () => {
  function failing(...errors: readonly Error[]) {
    let calls = 0;
    return {
      get calls() {
        return calls;
      },
      call: async (): Promise<string> => {
        const error = errors[calls++];
        await Promise.resolve();
        if (error !== undefined) throw error;
        return "done";
      },
    };
  }
  const options = (clock = createFakeClock()) => ({ ...limits, clock, random: () => 0.5, attempts: 3 });

  test("repeats retryable errors and pauses longer each time", async () => {
    const clock = createFakeClock();
    const work = failing(new AppError("unavailable", "a"), new AppError("timeout", "b"));
    const pauses: number[] = [];
    const result = retry(work.call, { ...options(clock), onRetry: (_, pauseMs) => pauses.push(pauseMs) });
    await clock.advance(1000);
    expect(await result).toBe("done");
    expect(pauses).toEqual([50, 100]);
  });

  test("does not repeat what cannot succeed", async () => {
    const work = failing(new AppError("denied", "no"));
    await expect(retry(work.call, options())).rejects.toMatchObject({ kind: "denied", message: "no" });
    expect(work.calls).toBe(1);
  });

  test("does not repeat what is not an AppError", async () => {
    const work = failing(new TypeError("slip"));
    await expect(retry(work.call, options())).rejects.toBeInstanceOf(TypeError);
    expect(work.calls).toBe(1);
  });

  test("repeats only the kinds that the caller names", async () => {
    const work = failing(new AppError("timeout", "maybe done"));
    await expect(retry(work.call, { ...options(), kinds: ["conflict"] })).rejects.toMatchObject({
      kind: "timeout",
    });
    expect(work.calls).toBe(1);
  });

  test("keeps the kind and says how often it tried when attempts run out", async () => {
    const clock = createFakeClock();
    const work = failing(...Array.from({ length: 9 }, () => new AppError("unavailable", "down")));
    const result = retry(work.call, options(clock));
    await Promise.all([
      expect(result).rejects.toMatchObject({
        kind: "unavailable",
        message: "gave up after 3 attempts: down",
        data: { attempts: 3 },
      }),
      clock.advance(5000),
    ]);
    expect(work.calls).toBe(3);
  });

  test("believes a server that says how long to wait, up to the cap", async () => {
    const clock = createFakeClock();
    const asked = (ms: number): AppError => new AppError("throttled", "slow down", { retryAfterMs: ms });
    const work = failing(asked(700), asked(60_000));
    const pauses: number[] = [];
    const result = retry(work.call, { ...options(clock), onRetry: (_, pauseMs) => pauses.push(pauseMs) });
    await clock.advance(2000);
    await result;
    expect(pauses).toEqual([700, 1000]);
  });

  test("stops in the middle of a pause when its signal aborts", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const work = failing(new AppError("unavailable", "down"));
    const result = retry(work.call, { ...options(clock), signal: controller.signal });
    await clock.untilSleeping(50);
    controller.abort(new Error("stopping"));
    await expect(result).rejects.toThrow("stopping");
    expect(work.calls).toBe(1);
  });
});

describe("pause()", () => {
  test("tells time that passed from a signal that ended it", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const whole = pause(clock, millis(10), controller.signal);
    await clock.advance(10);
    expect(await whole).toBe(true);
    const cut = pause(clock, millis(10), controller.signal);
    controller.abort();
    expect(await cut).toBe(false);
  });
});
