import { expect, test } from "vitest";

import { differences, spread } from "./spread.ts";

test("mean, range and the 95 % interval of five values, as a table of Student's t gives it", () => {
  const { count, unknown, mean, min, max, low, high } = spread([2, 4, 4, 5, 10]);
  expect({ count, unknown, mean, min, max }).toEqual({ count: 5, unknown: 0, mean: 5, min: 2, max: 10 });
  // s = 3, so s/√5 × 2.776.
  expect(low).toBeCloseTo(5 - 3.7244, 3);
  expect(high).toBeCloseTo(5 + 3.7244, 3);
});

test("what is unknown is counted and not taken for zero", () => {
  expect(spread([null, 3, null, 5])).toEqual({
    count: 2,
    unknown: 2,
    mean: 4,
    min: 3,
    max: 5,
    low: null,
    high: null,
  });
  expect(spread([null])).toMatchObject({ count: 0, mean: null, min: null });
});

test("equal values have exactly their value as mean and no width", () => {
  expect(spread([0.1, 0.1, 0.1])).toMatchObject({ mean: 0.1, low: 0.1, high: 0.1 });
});

test("differences are start by start, so that what all starts share falls out", () => {
  const a = [100, 200, 300, 400];
  expect(differences(a, [90, 190, 290, 390])).toMatchObject({ mean: -10, low: -10, high: -10 });
  expect(differences(a, [90, null, 290, 390])).toMatchObject({ count: 3, unknown: 1 });
});
