import { expect, test } from "vitest";

import { millis } from "../model/units.ts";
import { systemClock } from "./clock.ts";

test("a sleep longer than Node's timers can count does not end at once", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  const sleeping = systemClock.sleep(millis(2 ** 32), abort.signal);
  const first = await Promise.race([
    sleeping.then(() => "slept"),
    systemClock.sleep(millis(20)).then(() => "waits"),
  ]);
  expect(first).toBe("waits");
  abort.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
});
