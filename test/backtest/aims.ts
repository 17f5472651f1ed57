// The aims that a back-test is held to, and what came out: on the first pair of the plan, all or nothing, each from paired
// offsets. An aim that is missed is printed as missed.

import { share } from "./figures.ts";
import type { Spread } from "./figures.ts";
import type { Table } from "./tables.ts";

export interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly found: string;
  /** Null: it cannot be said, since a row is missing. */
  readonly met: boolean | null;
}

const LEAST_SAVING = 0.45;
const MOST_OVER_BOUND = 1.15;
const LESS_UNMET = 0.25;
/** Costs within so much of each other are equal, and waits no longer by so much. */
const EQUAL = 0.01;

export function aimsOf(tables: readonly Table[]): readonly Aim[] {
  const [table] = tables;
  const row = (id: string) => table?.rows.find((one) => one.row === id)?.figures;
  const ours = row("ours-spot");
  const predicted = row("ours-spot+predict");
  const reactive = row("reactive");
  const guide = row("guide-60-35-5");
  const saving = savingOf(ours?.toReactive);
  const guides = savingOf(guide?.toReactive);
  const wait = ours?.waitP95?.mean ?? null;
  const rivalWait = reactive?.waitP95?.mean ?? null;
  const over = ours?.toBound?.mean ?? null;
  const unmet = change(predicted?.unmet, ours?.unmet);
  const cost = change(predicted?.usd, ours?.usd);
  return [
    {
      what: "ours-spot under reactive",
      aim: "at least 45 %",
      found: `${percent(saving)} (the guide's 60/35/5: ${percent(guides)}; 60 % spot alone can save 40.7 %)`,
      met: saving === null ? null : saving >= LEAST_SAVING,
    },
    {
      what: "… at equal p95 wait",
      aim: "no longer than reactive's",
      found: `${seconds(wait)} against ${seconds(rivalWait)}`,
      met: wait === null || rivalWait === null ? null : wait <= rivalWait * (1 + EQUAL),
    },
    {
      what: "ours-spot over the bound with free moves",
      aim: "at most 15 %",
      found: over === null ? "not known" : percent(over - 1),
      met: over === null ? null : over <= MOST_OVER_BOUND,
    },
    {
      what: "prediction: unmet GPU-minutes at equal cost",
      aim: "25 % fewer",
      found: `${percent(unmet)} unmet, ${percent(cost)} cost`,
      met: unmet === null || cost === null ? null : unmet <= -LESS_UNMET && Math.abs(cost) <= EQUAL,
    },
  ];
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

function seconds(value: number | null): string {
  return value === null ? "not known" : `${value.toFixed(0)} s`;
}
