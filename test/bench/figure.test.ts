import { describe, expect, test } from "vitest";

import { figure, median, quantile, tableOf } from "./figure.ts";

describe("figure()", () => {
  test.each([
    [1.05, { max: 1.05 }, true],
    [1.06, { max: 1.05 }, false],
    [3, { min: 4 }, false],
    [4, { min: 4, max: 5 }, true],
    [Number.NaN, { max: 1 }, false],
    [Number.NaN, {}, false],
  ])("%d against %j", (value, target, held) => {
    expect(figure("x", value, "us", target).held).toBe(held);
  });
});

describe("median() and quantile()", () => {
  test("take the nearest rank of the sorted values", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(quantile([4, 3, 2, 1], 0.99)).toBe(4);
    expect(quantile([4, 3, 2, 1], 0)).toBe(1);
    expect(median([])).toBeNaN();
  });
});

describe("tableOf()", () => {
  test("shows each figure beside its limit", () => {
    const table = tableOf([
      figure("ratio", 1.00712, "node/c", { max: 1.05 }),
      figure("rate", 2, "1/s", { min: 3 }),
    ]);
    expect(table.split("\n")).toEqual([
      "figure  value  unit    limit",
      "ratio   1.007  node/c  <= 1.05  held",
      "rate    2      1/s     >= 3     NOT HELD",
    ]);
  });
});
