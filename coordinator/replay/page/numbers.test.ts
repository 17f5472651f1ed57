import { describe, expect, test } from "vitest";

import { figure, short, shown } from "./numbers.ts";
import type { Unit } from "./numbers.ts";

describe("shown()", () => {
  test.each<[number | null, Unit, string]>([
    [1234.5, "usd", "$1,234.50"],
    [-12_345.6, "usd", "−$12,346"],
    [0.0042, "usd", "$0.0042"],
    [0, "usd", "$0.00"],
    [0.4567, "share", "45.7 %"],
    [0, "seconds", "0 s"],
    [4.25, "seconds", "4.3 s"],
    [119.4, "seconds", "119 s"],
    [179.9, "seconds", "3 min 0 s"],
    [7199.9, "seconds", "2 h 0 min"],
    [-61, "seconds", "−61 s"],
    [1234, "count", "1,234"],
    [12.345, "count", "12.3"],
    [1.5, "factor", "× 1.50"],
    [0.00842, "rate", "0.0084"],
    [null, "usd", "unknown"],
    [Number.NaN, "count", "unknown"],
  ])("%j in %s is %s", (value, unit, text) => {
    expect(shown(value, unit)).toBe(text);
  });
});

test("a figure keeps its exact value beside the text, and unknown has none", () => {
  expect(figure(1 / 3, "share").text).toBe(`<data value="${1 / 3}">33.3 %</data>`);
  expect(figure(null, "share").text).not.toContain("<data");
});

test.each([
  [0, "0"],
  [12.3456, "12.3"],
  [5000, "5,000"],
  [25_000, "25k"],
  [3_400_000, "3.4M"],
])("%d is short as %s", (value, text) => {
  expect(short(value)).toBe(text);
});
