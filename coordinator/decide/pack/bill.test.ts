import { expect, test } from "vitest";

import { isBetter } from "./bill.ts";
import type { Bill } from "./bill.ts";

const bill = (left: number, costs: Readonly<Record<number, number>>, gpus = 0, nodes = 0): Bill => ({
  left,
  costs: new Map(Object.entries(costs).map(([grade, cost]) => [Number(grade), cost])),
  gpus,
  nodes,
});

test.each([
  ["pods with a place, whatever they cost", bill(0, { 0: 100 }), bill(1, { 0: 1 })],
  ["cost", bill(0, { 0: 1 }, 8, 9), bill(0, { 0: 2 }, 0, 1)],
  ["GPUs, at one cost", bill(0, { 0: 0.1 + 0.2 }, 1, 9), bill(0, { 0: 0.3 }, 2, 1)],
  ["nodes, at one cost and with as many GPUs", bill(0, { 0: 1 }, 1, 1), bill(0, { 0: 1 }, 1, 2)],
  [
    "little of what is asked last, whatever the rest costs",
    bill(0, { 0: 100, 1: 1 }),
    bill(0, { 0: 1, 1: 2 }),
  ],
  ["none of it", bill(0, { 0: 100 }), bill(0, { 1: 0.1 })],
])("the better plan has more %s", (_case, better, worse) => {
  expect(isBetter(better, worse)).toBe(true);
  expect(isBetter(worse, better)).toBe(false);
});

test("a plan is not better than itself", () => {
  expect(isBetter(bill(1, { 0: 2 }, 3, 4), bill(1, { 0: 2 }, 3, 4))).toBe(false);
});
