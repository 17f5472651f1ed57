// The tables of a back-test as data: which rows, at how many offsets, with which figures. What they look like on paper is in
// report.ts; the JSON that a back-test writes is these.

import { metricsOf, share, spreadOf, TABLE_METRICS } from "./figures.ts";
import type { MetricId, Spread } from "./figures.ts";
import type { Plan } from "./plan.ts";
import { rowOf } from "./rows.ts";
import { tasksOf } from "./tasks.ts";
import type { Group, Result, Task } from "./tasks.ts";

export interface TableRow {
  readonly row: string;
  readonly title: string;
  readonly offsets: number;
  readonly figures: Readonly<Record<MetricId, Spread | null>>;
  /** At prices of today, by the same decisions; null: not to be had. */
  readonly today: { readonly usd: Spread | null; readonly toReactive: Spread | null };
}

export interface Table {
  readonly name: string;
  readonly pair: string;
  readonly title: string;
  readonly depth: string;
  readonly variant: string;
  /** The floor, in USD. */
  readonly bound: Spread | null;
  readonly rows: readonly TableRow[];
}

export function tablesOf(
  plan: Plan,
  groups: readonly Group[],
  resultOf: (task: Task) => Result,
): readonly Table[] {
  const keyOf = ({ table, depth, variant }: Group): string => JSON.stringify([table, depth, variant]);
  return [...Map.groupBy(groups, keyOf).values()].flatMap((own): readonly Table[] => {
    const [first] = own;
    const pair = plan.pairs[first?.pair ?? ""];
    if (first === undefined || pair === undefined) return [];
    const hours = 24 * (pair.days - Math.min(plan.warmInDays, pair.days / 2));
    const of = (row: string): readonly Result[] | undefined => {
      const group = own.find((one) => one.row === row);
      return group === undefined ? undefined : tasksOf(group).map(resultOf);
    };
    const staticPeak = of("static-peak");
    const reactive = of("reactive");
    return [
      {
        name: first.table,
        pair: first.pair,
        title: `${plan.workloads[pair.workload]?.title ?? ""} × ${pair.capacity}`,
        depth: first.depth,
        variant: variantOf(first),
        bound: spreadOf((reactive ?? of(first.row) ?? []).map(({ boundUsd }) => boundUsd)),
        rows: own.map((group): TableRow => {
          const results = tasksOf(group).map(resultOf);
          const metrics = results.map((result, at) =>
            metricsOf(result, { staticPeak: staticPeak?.[at], reactive: reactive?.[at], hours }),
          );
          return {
            row: group.row,
            title: rowOf(group.row).title,
            offsets: group.offsets,
            figures: Object.fromEntries(
              TABLE_METRICS.map(({ id }) => [id, spreadOf(metrics.map((metric) => metric[id]))]),
            ) as TableRow["figures"],
            today: {
              usd: spreadOf(results.map(({ usdToday }) => usdToday)),
              toReactive: spreadOf(
                results.map(({ usdToday }, at) => share(usdToday, reactive?.[at]?.usdToday)),
              ),
            },
          };
        }),
      },
    ];
  });
}

function variantOf({ variant: { nodeReadyS, restartS } }: Group): string {
  if (nodeReadyS !== undefined) return `a node takes pods after ${nodeReadyS} s`;
  return restartS === undefined ? "" : `${restartS} s before a job that comes back goes on`;
}
