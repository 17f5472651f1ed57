// Steps into bins: weighted by time, whole bins alone, on the grid of the clock and not of the first step.

import { expect, test } from "vitest";

import { BIN_MS, binsOf } from "./bins.ts";

test("a step inside a bin counts for the rest of it", () => {
  const found = binsOf(
    [
      { atMs: 0, gpus: 2 },
      { atMs: BIN_MS / 4, gpus: 10 },
    ],
    2 * BIN_MS,
  );
  expect(found).toEqual([
    { at: 0, gpus: 8 },
    { at: BIN_MS, gpus: 10 },
  ]);
});

test("bins that the first step or the end cuts are left out", () => {
  const found = binsOf([{ atMs: 1, gpus: 3 }], 3 * BIN_MS - 1);
  expect(found).toEqual([{ at: BIN_MS, gpus: 3 }]);
  expect(binsOf([], BIN_MS)).toEqual([]);
});
