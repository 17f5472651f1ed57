import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { milliQuantity, parseQuantity } from "./quantity.ts";

describe("parseQuantity()", () => {
  test.each([
    ["4", 4],
    ["0", 0],
    ["500m", 0.5],
    ["0.29", 0.29],
    [".5", 0.5],
    ["3.", 3],
    ["+2", 2],
    ["-1", -1],
    ["16Gi", 16 * 2 ** 30],
    ["1.5Ki", 1536],
    ["100k", 100_000],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1E", 1e18],
    ["25e-1", 2.5],
    ["250u", 0.00025],
    ["7n", 7e-9],
  ])("reads %s as %d", (text, amount) => {
    expect(parseQuantity(text)).toBe(amount);
  });

  test.each(["", " 4", "4 ", "Gi", "1Ki5", "1KB", "4cores", "1e", "0x10", "1,5", "--1", "NaN", ".", "1K"])(
    "refuses %j and names it",
    (text) => {
      expect(() => parseQuantity(text)).toThrow(RangeError);
      expect(() => parseQuantity(text)).toThrow(`"${text}"`);
    },
  );

  test("agrees with plain numbers written out", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (amount) => {
        expect(parseQuantity(String(amount))).toBe(amount);
        expect(parseQuantity(`${amount}k`)).toBe(amount * 1000);
      }),
    );
  });
});

describe("milliQuantity()", () => {
  test.each([
    ["0.07", 70],
    ["1.001", 1001],
    ["500m", 500],
    ["2", 2000],
    ["1Ki", 1_024_000],
    ["100u", 1],
    ["-100u", 0],
    ["0", 0],
  ])("reads %s as exactly %d thousandths, rounded up", (text, thousandths) => {
    expect(milliQuantity(text)).toBe(thousandths);
  });

  test("adds tenths without drift", () => {
    expect(milliQuantity("100m") + milliQuantity("0.2")).toBe(milliQuantity("0.3"));
  });
});
