import { expect, test } from "vitest";

import { millis } from "../model/units.ts";
import { systemClock, timerSteps } from "./clock.ts";

test.each([
  [0, [0]],
  [1500.5, [1500.5]],
  [2 ** 31 - 1, [2 ** 31 - 1]],
  [2 ** 32, [2 ** 31 - 1, 2 ** 31 - 1, 2]],
])("a sleep of %d ms never asks Node's timers for more than they count", (ms, steps) => {
  expect([...timerSteps(millis(ms))]).toEqual(steps);
});

test("a sleep that is called off rejects with the signal's own reason", async () => {
  const reason = new Error("enough");
  const { sleep } = systemClock;
  await expect(sleep(millis(1), AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("an alarm rings once, unless it was called off or is further ahead than Node's timers count", async () => {
  const rung: string[] = [];
  const far = systemClock.alarm(millis(2 ** 32), () => rung.push("far"));
  const off = systemClock.alarm(millis(1), () => rung.push("off"));
  off();
  await new Promise<void>((resolve) => {
    systemClock.alarm(millis(5), () => {
      rung.push("near");
      resolve();
    });
  });
  far();
  expect(rung).toEqual(["near"]);
});
