// `gpuasctl forecast`: what the coordinator expects and why it trusts itself or not; or, from a file with the past, what it
// would have learned from it, so that the file is known to be good before a coordinator is given it.

import { readFile } from "node:fs/promises";

import { predictive } from "../../shared/contract/policy/predictive.ts";
import { toInstantText } from "../../shared/model/instant.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { createForecaster } from "../forecast/forecaster.ts";
import { readHistory } from "../forecast/history.ts";
import type { PastSeries } from "../forecast/history.ts";
import { FEED_BIN_MS } from "../forecast/open-bin.ts";
import { horizonOf, optionsOf } from "../forecast/policy.ts";
import { FORECAST_PAGE } from "../report/forecast-page.ts";
import type { ForecastPage } from "../report/forecast-page.ts";
import { forecastText, standDownText } from "../report/forecast-text.ts";
import type { ReadPage } from "./explain.ts";

export interface ForecastOptions {
  readonly policy: string | undefined;
  /** A CSV file instead of the coordinator. */
  readonly history: string | undefined;
  readonly json: boolean;
}

/** @throws AppError not-found for a policy that has no forecast; bad-input for a file that cannot be used, by line and field. */
export async function forecast(options: ForecastOptions, readPage: ReadPage): Promise<string> {
  const { policy, history, json } = options;
  if (history !== undefined) return await ofFile(history, json);
  const page = (await readPage(FORECAST_PAGE)) as ForecastPage | null;
  if (page === null) throw new AppError("not-found", "this coordinator has no page of forecasts");
  const series = page.series.filter((one) => policy === undefined || one.policy === policy);
  if (policy !== undefined && series.length === 0) {
    const names = [...new Set(page.series.map((one) => one.policy))];
    throw new AppError(
      "not-found",
      `policy ${policy} has no forecast${names.length === 0 ? "; set predictive.mode" : `; there is one of ${names.join(", ")}`}`,
    );
  }
  return json ? JSON.stringify({ ...page, series }, null, 2) : forecastText(series, page.at);
}

async function ofFile(file: string, json: boolean): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new AppError("not-found", `--history ${file}: ${describe(error)}`);
  }
  const { series, problems } = readHistory(text);
  if (problems.length > 0)
    throw new AppError("bad-input", [`${file} has rows that cannot be used:`, ...problems].join("\n  "));
  const learned = series.map(learnedOf);
  return json
    ? JSON.stringify({ file, series: learned }, null, 2)
    : learned.map(({ lines }) => lines.join("\n")).join("\n\n");
}

/** With a policy's defaults. */
function learnedOf({ policy, gpuType, bins }: PastSeries) {
  const spec = predictive.parse(undefined);
  const forecaster = createForecaster(optionsOf(spec));
  for (const bin of bins) forecaster.learn(bin);
  const first = bins[0]?.at ?? epochMs(0);
  const now = epochMs((bins.at(-1)?.at ?? 0) + FEED_BIN_MS);
  const made = forecaster.forecast(now, { lead: horizonOf(spec), hold: millis(horizonOf(spec)) });
  const expected =
    made.kind === "none"
      ? "nothing can be said"
      : `p10 ${made.p10.toFixed(1)}, p50 ${made.p50.toFixed(1)}, p90 ${made.p90.toFixed(1)} GPUs at ${toInstantText(made.at)}`;
  const doubts = made.standsDown.map(standDownText);
  const lines = [
    `${policy}${gpuType === null ? "" : `, ${gpuType}`}: ${bins.length} bins of five minutes from ${toInstantText(first)} to ${toInstantText(now)}`,
    `  expected after it: ${expected}`,
    ...(doubts.length === 0
      ? ["  it may move nodes at once"]
      : ["  it would move nothing yet:", ...doubts.map((why) => `    ${why}`)]),
  ];
  return { policy, gpuType, bins: bins.length, lines };
}
