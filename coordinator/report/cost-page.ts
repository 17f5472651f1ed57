// What the fleet costs, for whoever asks: a page of the admin server with the rate of this moment and what was spent, by
// month, in total and by every cut. The leader alone has counted; others say who leads. Nothing is worked out before it
// is asked for.

import type { Page } from "../../shared/runtime/admin.ts";
import type { Charge } from "../money/charge.ts";
import { liveCuts } from "../money/cuts.ts";
import type { LedgerState } from "../money/ledger.ts";
import { HOURS_PER_MONTH } from "../money/month.ts";
import { rateOf } from "../money/rate.ts";
import type { Rate } from "../money/rate.ts";
import { notLeading, refusal } from "./explain-pages.ts";
import type { Spending } from "./spending.ts";

export const COST_PAGE = "/cost";

export interface CostAnswer {
  /** RFC 3339: of the rates. */
  readonly at: string;
  /** From when on the sums were counted. */
  readonly since: string;
  /** Of the time since then, that in which nobody looked: nothing of it is in the sums. */
  readonly unobservedSeconds: number;
  readonly hoursPerMonth: number;
  readonly rate: Rate;
  /** Cut (pool, tier, state, namespace, label:…) → its cells. */
  readonly rates: Readonly<Record<string, Readonly<Record<string, Rate>>>>;
  /** `2026-11`, by UTC → sums. */
  readonly months: Readonly<Record<string, LedgerState>>;
}

export function createCostPage(parts: {
  readonly spending: Pick<Spending, "now" | "state">;
  readonly labels: readonly string[];
  readonly leader: () => string | null;
}): Readonly<Record<typeof COST_PAGE, () => Page>> {
  return {
    [COST_PAGE]: () => {
      const now = parts.spending.now();
      const state = parts.spending.state();
      if (now === null || state === null) return refusal(503, "NotLeading", notLeading(parts.leader()));
      const answer: CostAnswer = {
        at: new Date(now.at).toISOString(),
        since: new Date(state.since).toISOString(),
        unobservedSeconds: Math.round(state.unobservedMs / 1000),
        hoursPerMonth: HOURS_PER_MONTH,
        rate: rateOf(now.charges),
        rates: ratesOf(now.charges, parts.labels),
        months: state.months,
      };
      return { contentType: "application/json", body: `${JSON.stringify(answer, null, 2)}\n` };
    },
  };
}

function ratesOf(charges: readonly Charge[], labels: readonly string[]): CostAnswer["rates"] {
  return Object.fromEntries(
    Object.entries(liveCuts(labels)).map(([cut, cellOf]) => [
      cut,
      Object.fromEntries([...Map.groupBy(charges, cellOf)].map(([cell, own]) => [cell, rateOf(own)])),
    ]),
  );
}
