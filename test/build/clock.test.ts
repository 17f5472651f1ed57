import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { createFakeClock } from "./clock.ts";

describe("createFakeClock()", () => {
  test("wakes sleeps in the order in which they fall due, each at its instant", async () => {
    const clock = createFakeClock(1000);
    const woken: string[] = [];
    const sleepThenNote = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(millis(ms));
      woken.push(`${name}@${clock.now()}`);
    };
    const all = Promise.all([
      sleepThenNote("late", 30),
      sleepThenNote("early", 10),
      sleepThenNote("middle", 20),
    ]);
    await clock.advance(25);
    expect(woken).toEqual(["early@1010", "middle@1020"]);
    await clock.advance(5);
    await all;
    expect(woken).toEqual(["early@1010", "middle@1020", "late@1030"]);
  });

  test("lets a woken sleeper sleep again within one advance", async () => {
    const clock = createFakeClock(0);
    const ticks: number[] = [];
    const loop = (async () => {
      for (let tick = 0; tick < 3; tick++) {
        await clock.sleep(millis(10));
        ticks.push(clock.monotonic());
      }
    })();
    await clock.advance(100);
    await loop;
    expect(ticks).toEqual([10, 20, 30]);
  });

  test("rejects a sleep with the signal's reason and forgets it", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const slept = clock.sleep(millis(10), controller.signal);
    expect(clock.sleeping()).toBe(1);
    controller.abort(new Error("enough"));
    await expect(slept).rejects.toThrow("enough");
    expect(clock.sleeping()).toBe(0);
  });

  test("keeps monotonic time when the wall clock is set", () => {
    const clock = createFakeClock(5000);
    clock.setWall(90_000);
    expect([clock.now(), clock.monotonic()]).toEqual([90_000, 0]);
  });
});
