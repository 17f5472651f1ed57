// The list that is left fails, and nothing of it can be left out: tried on failures whose causes are known.

import fc from "fast-check";
import { expect, test } from "vitest";

import { shrink } from "./shrink.ts";

const needs =
  (needed: readonly number[]) =>
  async (part: readonly number[]): Promise<boolean> =>
    await Promise.resolve(needed.every((one) => part.includes(one)));
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

test("one cause among many is found in few trials", async () => {
  const { left, trials, shortest } = await shrink(upTo(64), needs([37]));
  expect(left).toEqual([37]);
  expect(shortest).toBe(true);
  expect(trials).toBeLessThan(20);
});

test("causes that only fail together are kept together, in their order", async () => {
  expect((await shrink(upTo(40), needs([3, 21, 39]))).left).toEqual([3, 21, 39]);
});

test("a failure that needs no fault leaves none", async () => {
  expect(await shrink(upTo(10), needs([]))).toEqual({ left: [], trials: 1, shortest: true });
});

test("when the trials run out, what is left still fails and it says so", async () => {
  const fails = needs([1, 9, 17, 30]);
  const { left, shortest } = await shrink(upTo(32), fails, { trials: 6 });
  expect(await fails(left)).toBe(true);
  expect(shortest).toBe(false);
});

test("whatever the causes are, exactly they are left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(29), { minLength: 1, maxLength: 5 }), async (needed) => {
      const sorted = needed.toSorted((a, b) => a - b);
      expect((await shrink(upTo(30), needs(sorted), { trials: 10_000 })).left).toEqual(sorted);
    }),
    { numRuns: 100 },
  );
});
