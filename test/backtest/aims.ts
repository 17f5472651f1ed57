// The aims that a back-test is held to, and what came out, each from paired offsets: money and waits on the first pair of the
// plan, prediction on all pairs, judged where the forecast knows more than the same time a day and a week before. An aim that
// is missed is printed as missed.

import type { AloneLine } from "./beside.ts";
import { share } from "./figures.ts";
import type { Spread } from "./figures.ts";
import type { Alone, Method } from "./forecast-alone.ts";
import type { Table } from "./tables.ts";

export interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly found: string;
  /** `unknown`: a row is missing; `not-judged`: the aim is not asked of it, and what came out stands here all the same. */
  readonly met: "met" | "missed" | "unknown" | "not-judged";
}

const LEAST_SAVING = 0.45;
const MOST_OVER_BOUND = 1.15;
const LESS_UNMET = 0.25;
/** Costs within so much of each other are equal, and waits no longer by so much. */
const EQUAL = 0.01;

export function aimsOf(tables: readonly Table[], alone: readonly AloneLine[]): readonly Aim[] {
  const [table] = tables;
  const pair = table?.name ?? "no pair";
  const row = (id: string) => table?.rows.find((one) => one.row === id)?.figures;
  const ours = row("ours-spot");
  const reactive = row("reactive");
  const guide = row("guide-60-35-5");
  const saving = savingOf(ours?.toReactive);
  const guides = savingOf(guide?.toReactive);
  const wait = ours?.waitP95?.mean ?? null;
  const rivalWait = reactive?.waitP95?.mean ?? null;
  const over = ours?.toBound?.mean ?? null;
  return [
    {
      what: `ours-spot under reactive, on ${pair}`,
      aim: "at least 45 %",
      found: `${percent(saving)} (the guide's 60/35/5: ${percent(guides)}; 60 % spot alone can save 40.7 %)`,
      met: verdict(saving === null ? null : saving >= LEAST_SAVING),
    },
    {
      what: "… at equal p95 wait",
      aim: "no longer than reactive's",
      found: `${seconds(wait)} against ${seconds(rivalWait)}`,
      met: verdict(wait === null || rivalWait === null ? null : wait <= rivalWait * (1 + EQUAL)),
    },
    {
      what: `ours-spot over the bound with free moves, on ${pair}`,
      aim: "at most 15 %",
      found: over === null ? "not known" : percent(over - 1),
      met: verdict(over === null ? null : over <= MOST_OVER_BOUND),
    },
    ...predictionAims(tables, alone),
  ];
}

/** One line for each pair that was played with the forecast and without. */
function predictionAims(tables: readonly Table[], alone: readonly AloneLine[]): readonly Aim[] {
  return tables.flatMap(({ name, pair, rows }): readonly Aim[] => {
    const figures = (id: string) => rows.find(({ row }) => row === id)?.figures;
    const before = figures("ours-spot");
    const after = figures("ours-spot+predict");
    // A sweep plays a pair once more, with another clock.
    if (name !== pair || before === undefined || after === undefined) return [];
    const unmet = change(after.unmet, before.unmet);
    const cost = change(after.usd, before.usd);
    const known = alone.find(({ pairs }) => pairs.includes(pair))?.alone ?? null;
    const trusted = percent(after.trusted?.mean ?? null);
    const said =
      known === null
        ? "too little past to judge the forecast"
        : `forecast loses ${lossOf(known, "ours")} against ${lossOf(known, "day-ago")} and ${lossOf(known, "week-ago")}, as now ${lossOf(known, "as-now")}`;
    const isMet = unmet === null || cost === null ? null : unmet <= -LESS_UNMET && cost <= EQUAL;
    return [
      {
        what: `prediction on ${pair}: unmet GPU-minutes`,
        aim: "25 % fewer at no more than 1 % more cost, where there is skill",
        found: `${signed(unmet)} unmet, ${signed(cost)} cost; trusted in ${trusted} of bins; ${said}`,
        met: known?.skill === true ? verdict(isMet) : "not-judged",
      },
    ];
  });
}

function lossOf({ losses }: Alone, method: Method): string {
  return percent(losses[method].weightedQuantile);
}

function verdict(isMet: boolean | null): Aim["met"] {
  return isMet === null ? "unknown" : isMet ? "met" : "missed";
}

/** Of a cost that is so much of another. */
function savingOf(cost: Spread | null | undefined): number | null {
  return cost === null || cost === undefined ? null : 1 - cost.mean;
}

function change(now: Spread | null | undefined, before: Spread | null | undefined): number | null {
  const part = share(now?.mean, before?.mean);
  return part === null ? null : part - 1;
}

function percent(value: number | null): string {
  return value === null ? "not known" : `${(value * 100).toFixed(1)} %`;
}

function signed(value: number | null): string {
  return value !== null && value > 0 ? `+${percent(value)}` : percent(value);
}

function seconds(value: number | null): string {
  return value === null ? "not known" : `${value.toFixed(0)} s`;
}
