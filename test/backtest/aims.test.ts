// What is missed is printed as missed, and prediction is judged where there is skill, on every pair that was played both ways.

import { expect, test } from "vitest";

import { aimsOf } from "./aims.ts";
import type { AloneLine } from "./beside.ts";
import { TABLE_METRICS } from "./figures.ts";
import type { MetricId } from "./figures.ts";
import type { Table } from "./tables.ts";

type Means = Partial<Record<MetricId, number>>;

function tableOf(name: string, rows: Readonly<Record<string, Means>>, pair = name): Table {
  return {
    name,
    pair,
    title: name,
    depth: "all-or-nothing",
    variant: "",
    bound: null,
    rows: Object.entries(rows).map(([row, means]) => ({
      row,
      title: row,
      offsets: 2,
      figures: Object.fromEntries(
        TABLE_METRICS.map(({ id }) => {
          const mean = means[id];
          return [id, mean === undefined ? null : { mean, min: mean, max: mean, unknown: 0 }];
        }),
      ) as Table["rows"][number]["figures"],
      today: { usd: null, toReactive: null },
    })),
  };
}

function aloneOf(pair: string, skill: boolean): AloneLine {
  const loss = { weightedQuantile: 0.1, mape: 0.2 };
  const losses = { ours: loss, "day-ago": loss, "week-ago": loss, "as-now": loss };
  return { pairs: [pair], title: pair, alone: { title: pair, judged: 9, losses, skill } };
}

const before: Means = { usd: 100, unmet: 1000 };
const predicted = (name: string, after: Means, pair = name): Table =>
  tableOf(name, { "ours-spot": before, "ours-spot+predict": after }, pair);
const verdicts = (tables: readonly Table[], alone: readonly AloneLine[]) =>
  aimsOf(tables, alone)
    .filter(({ what }) => what.startsWith("prediction"))
    .map(({ what, met }) => [what, met]);

test("prediction is met by a quarter less at no more cost, and missed by less or for more", () => {
  const tables = [
    predicted("A", { usd: 100.9, unmet: 750 }),
    predicted("B", { usd: 100, unmet: 751 }),
    predicted("C", { usd: 101.1, unmet: 100 }),
    predicted("D", { usd: 80, unmet: 500 }),
  ];
  const found = verdicts(
    tables,
    ["A", "B", "C", "D"].map((pair) => aloneOf(pair, true)),
  );
  expect(found.map(([, met]) => met)).toEqual(["met", "missed", "missed", "met"]);
});

test("without skill it is printed and not judged; a sweep of a pair is no pair", () => {
  const tables = [
    predicted("A", { usd: 90, unmet: 10 }),
    predicted("B", { usd: 90, unmet: 10 }),
    predicted("other clock", { usd: 90, unmet: 10 }, "A"),
  ];
  expect(verdicts(tables, [aloneOf("A", false)])).toEqual([
    ["prediction on A: unmet GPU-minutes", "not-judged"],
    ["prediction on B: unmet GPU-minutes", "not-judged"],
  ]);
});

test("nothing unmet before leaves nothing to judge", () => {
  const table = tableOf("A", {
    "ours-spot": { usd: 100, unmet: 0 },
    "ours-spot+predict": { usd: 100, unmet: 0 },
  });
  expect(verdicts([table], [aloneOf("A", true)])).toEqual([
    ["prediction on A: unmet GPU-minutes", "unknown"],
  ]);
});

test("money and waits are those of the first pair", () => {
  const rows = (toReactive: number, toBound: number, waitP95: number) => ({
    reactive: { toReactive: 1, waitP95: 200 },
    "ours-spot": { toReactive, toBound, waitP95 },
  });
  const found = aimsOf([tableOf("A", rows(0.56, 1.1, 250)), tableOf("B", rows(0.3, 2, 10))], []);
  expect(found.map(({ met }) => met)).toEqual(["missed", "missed", "met"]);
});
