// `gpuasctl cost`: what the fleet costs now and what was spent, from the coordinator that counts. It says what it does
// not know; which cuts and months there are is the coordinator's to say.

import { AppError } from "../../shared/runtime/errors.ts";
import { LABEL_CUT } from "../money/cuts.ts";
import { COST_PAGE } from "../report/cost-page.ts";
import type { CostAnswer } from "../report/cost-page.ts";
import { costCsv, costText } from "../report/cost-text.ts";
import type { CostQuestion } from "../report/cost-text.ts";
import type { ReadPage } from "./explain.ts";

export interface CostOptions {
  /** pool, tier, state, namespace, or a label. Absent: all of them. */
  readonly by: string | undefined;
  /** `2026-11`. Absent: the last one that was counted. */
  readonly month: string | undefined;
  readonly form: "text" | "json" | "csv";
}

/** @throws AppError settings for a cut or month that the coordinator does not have, with those that it has. */
export async function cost(options: CostOptions, readPage: ReadPage): Promise<string> {
  // Our own coordinator wrote it; one of another version is shown as far as it is the same.
  const answer = (await readPage(COST_PAGE)) as CostAnswer | null;
  if (answer === null) throw new AppError("not-found", "this coordinator has no page of costs");
  const question = questionOf(options, answer);
  switch (options.form) {
    case "json":
      return JSON.stringify(options.month === undefined ? answer : only(answer, options.month), null, 2);
    case "csv":
      return costCsv(answer, question);
    case "text":
      return costText(answer, question);
  }
}

function questionOf({ by, month }: CostOptions, answer: CostAnswer): CostQuestion {
  const cuts = Object.keys(answer.rates);
  const cut = by === undefined ? undefined : cuts.find((name) => name === by || name === `${LABEL_CUT}${by}`);
  if (by !== undefined && cut === undefined)
    throw new AppError(
      "settings",
      `--by ${by}: money is told by ${cuts.map((name) => name.replace(LABEL_CUT, "")).join(", ")}; other labels are set by costLabels of the coordinator`,
    );
  const months = Object.keys(answer.months).toSorted();
  if (month !== undefined && !months.includes(month))
    throw new AppError(
      "settings",
      `--month ${month}: counted are ${months.length === 0 ? "none yet" : months.join(", ")}`,
    );
  return { cuts: cut === undefined ? cuts : [cut], month: month ?? months.at(-1) ?? null };
}

function only(answer: CostAnswer, month: string): CostAnswer {
  const ledger = answer.months[month];
  return { ...answer, months: ledger === undefined ? {} : { [month]: ledger } };
}
