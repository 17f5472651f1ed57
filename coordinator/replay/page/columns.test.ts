import fc from "fast-check";
import { expect, test } from "vitest";

import { madeUpRun } from "../../../test/build/replay-run.ts";
import type { Run, TimelineBin } from "../run.ts";
import { columnsOf } from "./columns.ts";

const HOUR = 3_600_000;
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

function runOf(usd: readonly (number | null)[], binMs = HOUR): Run {
  const timeline = usd.map((usdPerHour, at): TimelineBin => {
    const nodes = { spot: at, "on-demand": 1, reserved: 0 };
    return {
      atMs: at * binMs,
      nodes,
      booting: 0,
      draining: 0,
      gpusProvisioned: at,
      gpusAllocated: 0,
      gpusQueued: 0,
      usdPerHour,
    };
  });
  return { ...madeUpRun({ days: 0 }), timeline };
}

test("columns as wide as bins are the bins", () => {
  const columns = columnsOf(runOf([1, 2, 3]), 10, ALL);
  expect(columns).toMatchObject({ count: 3, binsPerColumn: 1, widthMs: HOUR, startMs: 0 });
  expect(columns.series.get("usd")?.map(({ mean }) => mean)).toEqual([1, 2, 3]);
  expect(columns.series.get("nodes")?.map(({ mean }) => mean)).toEqual([1, 2, 3]);
});

test("a spike of one bin stays in sight however narrow the page is", () => {
  const usd = Array.from({ length: 1000 }, (_, at) => (at === 517 ? 90 : 1));
  const { series, count } = columnsOf(runOf(usd), 20, ALL);
  expect(count).toBe(20);
  expect(series.get("usd")?.filter(({ max }) => max === 90)).toHaveLength(1);
});

test("money is the sum of price times time at any width, and never below a bin of unknown price", () => {
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.double({ min: 0, max: 500, noNaN: true }), { nil: null }), {
        minLength: 1,
        maxLength: 200,
      }),
      fc.integer({ min: 1, max: 250 }),
      (usd, most) => {
        const { spentUsd, series, unpricedBins, count } = columnsOf(runOf(usd), most, {
          fromMs: 0,
          toMs: usd.length * HOUR,
        });
        expect(count).toBeLessThanOrEqual(most);
        expect(spentUsd.at(-1)).toBeCloseTo(
          usd.reduce<number>((sum, value) => sum + (value ?? 0), 0),
          6,
        );
        expect(unpricedBins).toBe(usd.filter((value) => value === null).length);
        for (const { mean, min, max } of series.get("usd") ?? []) {
          if (mean === null || min === null || max === null) continue;
          expect(mean).toBeGreaterThanOrEqual(min - 1e-9);
          expect(mean).toBeLessThanOrEqual(max + 1e-9);
        }
      },
    ),
  );
});

test("money counts from the end of the warm-in to the end, also within a bin", () => {
  const { spentUsd } = columnsOf(runOf([10, 10, 10, 10]), 10, { fromMs: 0.5 * HOUR, toMs: 3 * HOUR });
  expect(spentUsd).toEqual([5, 15, 25, 25]);
});

test("a series that the run does not have is not drawn as zero", () => {
  const { series } = columnsOf(runOf([1, 2]), 10, ALL);
  expect(series.has("p50")).toBe(false);
  expect(series.has("usd-spot")).toBe(false);
});
