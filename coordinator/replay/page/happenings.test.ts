import { expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { madeUpRun } from "../../../test/build/replay-run.ts";
import type { Happening } from "../run.ts";
import { happeningRows } from "./happenings.ts";

const AMPLE = { rows: 10_000, characters: 10_000_000 };
const refused = (atMs: number, detail: string): Happening => ({ atMs, pool: "a", kind: "refused", detail });

test("a move is said with its sizes and the sentences of its reasons", () => {
  const happenings: readonly Happening[] = [
    {
      atMs: 5,
      pool: "a",
      kind: "grow",
      from: 1,
      to: 3,
      because: [{ code: "pending-pods", pods: 2, gpus: 4, oldestMs: millis(9000) }],
    },
    { atMs: 9, pool: "a", kind: "interrupted", node: null },
  ];
  const { rows } = happeningRows({ happenings, happeningsLeftOut: 0 }, AMPLE);
  expect(rows).toMatchObject([
    { said: "1 → 3 nodes", why: ["2 pods (4 GPUs) wait for a node, the oldest for 9 s"] },
    { said: "a machine that was no node yet was taken back", why: [] },
  ]);
});

test("the same thing in a row is one row that says how often", () => {
  const happenings = [refused(1, "no"), refused(2, "no"), refused(3, "other"), refused(4, "no")];
  const { rows, leftOut } = happeningRows({ happenings, happeningsLeftOut: 0 }, AMPLE);
  expect(rows.map(({ atMs, times }) => [atMs, times])).toEqual([
    [1, 2],
    [3, 1],
    [4, 1],
  ]);
  expect(leftOut).toBe(0);
});

test("with little room every stretch keeps its first rows, in order, and the rest is counted", () => {
  const { happenings } = madeUpRun({ days: 31 });
  const full = happeningRows({ happenings, happeningsLeftOut: 7 }, AMPLE);
  const { rows, leftOut } = happeningRows({ happenings, happeningsLeftOut: 7 }, { ...AMPLE, rows: 300 });
  expect(rows).toHaveLength(300);
  expect(leftOut).toBe(full.rows.length - 300 + 7);
  expect(rows).toEqual([...rows].sort((a, b) => a.atMs - b.atMs));
  const days = new Set(rows.map(({ atMs }) => Math.floor(atMs / 86_400_000)));
  expect(days.size).toBe(31);
});

test("long sentences take the room of several", () => {
  const happenings = Array.from({ length: 50 }, (_, at) => refused(at, `${at} ${"x".repeat(1000)}`));
  const { rows } = happeningRows({ happenings, happeningsLeftOut: 0 }, { rows: 50, characters: 12_000 });
  expect(rows).toHaveLength(10);
});
