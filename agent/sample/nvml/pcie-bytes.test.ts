import { describe, expect, test } from "vitest";

import { createWrappingCounter, fastestBytesPerSecond, wrapsUnseen } from "./pcie-bytes.ts";

describe("fastestBytesPerSecond()", () => {
  test.each([
    [3, 16, 16e9],
    [5, 16, 64e9],
    [9, 16, Number.POSITIVE_INFINITY],
    [undefined, 16, Number.POSITIVE_INFINITY],
    [4, undefined, Number.POSITIVE_INFINITY],
  ])("of generation %s with %s lanes is %d", (generation, width, expected) => {
    expect(fastestBytesPerSecond(generation, width)).toBe(expected);
  });

  test("tells where a second is too long", () => {
    expect(wrapsUnseen(fastestBytesPerSecond(5, 16), 1_000)).toBe(true);
    expect(wrapsUnseen(fastestBytesPerSecond(3, 4), 1_000)).toBe(false);
    expect(wrapsUnseen(fastestBytesPerSecond(3, 16), 200)).toBe(false);
    expect(wrapsUnseen(Number.POSITIVE_INFINITY, 200)).toBe(true);
  });
});

describe("createWrappingCounter()", () => {
  test("adds differences, over the wrap too", () => {
    const counter = createWrappingCounter(4e9);
    expect(counter.add(2 ** 32 - 10, 0)).toBe(0);
    expect(counter.add(2 ** 32 - 4, 1_000)).toBe(6);
    expect(counter.add(6, 2_000)).toBe(16);
    expect(counter.add(6, 3_000)).toBe(16);
    expect(counter.add(2 ** 32 - 1, 4_000)).toBe(16 + 2 ** 32 - 7);
  });

  test("gives no number after a gap in which it may have wrapped, and then begins anew", () => {
    const counter = createWrappingCounter(4e9);
    counter.add(0, 0);
    expect(counter.add(1_000, 1_000)).toBe(1_000);
    expect(counter.add(5_000, 3_000)).toBeNaN();
    expect(counter.add(5_300, 4_000)).toBe(300);
  });
});
