import { expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { NOW } from "../../test/build/now.ts";
import { move } from "../../test/build/policy.ts";
import { createLateCalls } from "./late.ts";

const OURS = { term: 3, leader: "one", before: 2 };

function setup() {
  const clock = createFakeClock();
  const times = { clock, maybeMs: millis(2_000), inheritedMs: () => millis(700) };
  const late = createLateCalls();
  const left = (key: string, term = 3, claim: typeof OURS | null = OURS) =>
    late.leftMs({ ...move(NOW, { key }), term }, claim, times);
  return { clock, late, left, times };
}

test("a call of ours may take effect for a while after it was given up", async () => {
  const { clock, late, left, times } = setup();
  late.givenUp("a", times);
  await clock.advance(1_500);
  late.givenUp("b", times);
  expect([left("a"), left("b"), late.soonestMs(times)]).toEqual([500, 2_000, 500]);
  await clock.advance(500);
  expect([left("a"), left("b"), late.soonestMs(times)]).toEqual([0, 1_500, 1_500]);
  late.ended("b");
  expect(late.soonestMs(times)).toBeNull();
});

test("one that we never gave up counts from when it is asked for", async () => {
  const { clock, left } = setup();
  expect(left("a")).toBe(2_000);
  await clock.advance(1_999);
  expect(left("a", 3, null)).toBe(1);
  await clock.advance(1);
  expect(left("a")).toBe(0);
});

test("one of a leader before us is late by no more than his reign allows", () => {
  const { late, left, times } = setup();
  expect([left("a", 2), left("a", 2)]).toEqual([700, 700]);
  expect(late.soonestMs(times)).toBeNull();
});

test("a key that is used again long after is not taken for what it was", async () => {
  const { clock, late, left, times } = setup();
  late.givenUp("a", times);
  await clock.advance(11 * 60_000);
  expect(left("a")).toBe(0);
  late.forgetOld(times);
  expect(left("a")).toBe(2_000);
});
