import { describe, expect, test } from "vitest";

import {
  after,
  bytes,
  elapsed,
  epochMs,
  millis,
  ratio,
  ratioFromPercent,
  seconds,
  secondsToMillis,
} from "./units.ts";
import type { Millis, Seconds } from "./units.ts";

describe("units", () => {
  test.each([Number.NaN, Infinity, -1])("refuse %d as a length of time", (value) => {
    expect(() => millis(value)).toThrow("milliseconds must be from 0");
  });

  test("a ratio is never a percentage (F02)", () => {
    expect(() => ratio(80)).toThrow("ratio must be from 0 to 1, got 80");
    expect(ratioFromPercent(80)).toBe(0.8);
    expect(ratioFromPercent(103)).toBe(1);
  });

  test("elapsed is 0, not negative, when the clock was set back", () => {
    expect(elapsed(epochMs(1000), epochMs(400))).toBe(0);
    expect(after(epochMs(1000), millis(5))).toBe(1005);
  });

  test("the compiler keeps seconds and milliseconds apart", () => {
    const wait = (ms: Millis): Millis => ms;
    const grace: Seconds = seconds(2);
    // @ts-expect-error seconds are not milliseconds
    wait(grace);
    // @ts-expect-error a bare number has no unit
    wait(2);
    // @ts-expect-error a sum must be made again by name
    wait(millis(1) + millis(2));
    expect(wait(secondsToMillis(grace))).toBe(2000);
    expect(bytes(0)).toBe(0);
  });
});
