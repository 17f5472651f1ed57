import { expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import { createRecent } from "./recent.ts";

test("what nobody has set for half an hour is forgotten, and nothing before", async () => {
  const clock = createFakeClock();
  const recent = createRecent<number>(clock);
  recent.set("a", 1);
  recent.set("b", 2);
  await clock.advance(20 * 60_000);
  recent.set("b", 3);
  recent.sweep();
  expect([recent.get("a"), recent.get("b")]).toEqual([1, 3]);
  await clock.advance(20 * 60_000);
  recent.sweep();
  expect([recent.get("a"), recent.get("b")]).toEqual([undefined, 3]);
  recent.delete("b");
  expect(recent.get("b")).toBeUndefined();
});
