import { expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import { madeUpRun } from "../../../test/build/replay-run.ts";
import type { Happening, Run } from "../run.ts";
import { partsOf } from "./parts.ts";

const PENDING: Reason = { code: "pending-pods", pods: 1, gpus: 1, oldestMs: millis(0) };
const grow = (atMs: number, pool: string, to: number): Happening => ({
  atMs,
  pool,
  kind: "grow",
  from: to - 1,
  to,
  because: [PENDING],
});
const run = (happenings: readonly Happening[], happeningsLeftOut = 0): Run => ({
  ...madeUpRun({ days: 0 }),
  happenings,
  happeningsLeftOut,
});

test("the first moment at which moves differ, with what each did and why", () => {
  const groups = [
    { name: "a", runs: [run([grow(1, "p", 1), grow(5, "p", 2)])] },
    { name: "b", runs: [run([grow(1, "p", 1), grow(7, "p", 2)])] },
  ];
  expect(partsOf(groups)).toEqual([
    {
      offset: 0,
      atMs: 5,
      pool: "p",
      sides: [
        { policy: "a", said: "grew, 1 → 2 nodes", because: [PENDING] },
        { policy: "b", said: "did nothing then", because: [] },
      ],
    },
  ]);
});

test("what was done to machines by others does not part policies", () => {
  const taken: Happening = { atMs: 2, pool: "p", kind: "interrupted", node: "n" };
  const groups = [
    { name: "a", runs: [run([grow(1, "p", 1), taken])] },
    { name: "b", runs: [run([grow(1, "p", 1)])] },
  ];
  expect(partsOf(groups)).toEqual([]);
});

test("beyond the last row that a run listed nothing is claimed", () => {
  const a = { name: "a", runs: [run([grow(1, "p", 1), grow(5, "p", 2)])] };
  expect(partsOf([a, { name: "b", runs: [run([grow(1, "p", 1)], 9)] }])).toEqual([]);
  expect(partsOf([a, { name: "b", runs: [run([grow(1, "p", 1)])] }])).toHaveLength(1);
});

test("with little room each start keeps its earliest", () => {
  const starts = [0, 1, 2].map((at) => run([grow(10 + at, "p", 1), grow(20 + at, "q", 1)]));
  const groups = [
    { name: "a", runs: starts },
    { name: "b", runs: starts.map(() => run([])) },
  ];
  expect(partsOf(groups, 3).map(({ offset, pool }) => [offset, pool])).toEqual([
    [0, "p"],
    [1, "p"],
    [2, "p"],
  ]);
  expect(partsOf(groups)).toHaveLength(6);
});

test("one policy parts from nobody", () => {
  expect(partsOf([{ name: "a", runs: [run([grow(1, "p", 1)])] }])).toEqual([]);
});
