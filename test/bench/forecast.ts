// How good the forecast is, on series of recorded load: half an hour ahead, always from the past into the future, beside
// the three simple methods. And what one step of a thousand series costs. `--traces DIR` names a folder that holds a
// folder `series`; without it the slices of test/traces are read.

import { fileURLToPath } from "node:url";

import { createForecaster } from "../../coordinator/forecast/forecaster.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { Figure } from "./figure.ts";
import { figure, quantile } from "./figure.ts";
import { METHODS, scoreSeries } from "./forecast-score.ts";
import type { SeriesScore } from "./forecast-score.ts";
import { readSeries } from "./forecast-series.ts";
import type { Series } from "./forecast-series.ts";

const OWN_TRACES = fileURLToPath(new URL("../traces", import.meta.url));
/** A series is seasonal when the same time a day or a week before tells this much of it. */
const RHYTHM_MIN = 0.5;
const SERIES = 1000;
const STEPS = 5;
const BIN_MINUTES = 5;
const BIN_MS = BIN_MINUTES * 60_000;
const LEARNED_DAYS = 15;

export async function run(options: {
  readonly traces?: string;
  readonly plan?: string;
  readonly keep: (name: string, value: unknown) => void;
}): Promise<readonly Figure[]> {
  const { traces = OWN_TRACES, plan = `${OWN_TRACES}/series/plan.json`, keep } = options;
  const { series, dropped } = readSeries(`${traces}/series`, plan);
  for (const line of dropped) console.log(`left out: ${line}`);
  const scores = series.flatMap((one) => scoreSeries(one) ?? unjudged(one));
  console.log(table(scores));
  keep("series", scores);
  keep("dropped", dropped);
  const seasonal = scores.filter(({ rhythm }) => rhythm >= RHYTHM_MIN);
  const ours = (score: SeriesScore, of: "pinball" | "absolute"): number =>
    score.methods.ours[of] / score.methods["last-week"][of];
  const worst = seasonal.map((score) => ours(score, "pinball"));
  return [
    figure("pinball_ratio", mean(worst), `of last week's, mean of ${seasonal.length} seasonal`, {
      max: 0.65,
    }),
    figure("pinball_ratio_worst", Math.max(...worst), "of last week's, worst seasonal", {}),
    figure("mase_30min", mean(scores.map((score) => ours(score, "absolute"))), `mean of ${scores.length}`, {
      max: 0.8,
    }),
    figure("coverage_min", Math.min(...scores.map(covered)), "share under the bound of 0.9", { min: 0.87 }),
    figure("coverage_max", Math.max(...scores.map(covered)), "share under the bound of 0.9", { max: 0.93 }),
    figure("ms_1000_series", await Promise.resolve(stepOfMany()), "ms of CPU a step, p50", { max: 200 }),
  ];
}

function covered({ methods }: SeriesScore): number {
  return methods.ours.covered;
}

function unjudged({ name }: Series): [] {
  console.log(`left out: ${name}: nothing in it can be judged`);
  return [];
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Each method's mean error and pinball loss by those of last week, and how often its bound held. */
function table(scores: readonly SeriesScore[]): string {
  const head = [
    "series",
    "bin",
    "judged",
    "rhythm",
    "may act",
    ...METHODS.map((method) => `${method} (MASE/pinball/held)`),
  ];
  const rows = scores.map(({ name, binMinutes, count, rhythm, earned, methods }) => {
    const week = methods["last-week"];
    const cells = METHODS.map((method) => {
      const { absolute, pinball, covered: held } = methods[method];
      return `${(absolute / week.absolute).toFixed(2)} / ${(pinball / week.pinball).toFixed(2)} / ${(held * 100).toFixed(0)} %`;
    });
    return [
      name,
      `${binMinutes} min`,
      String(count),
      rhythm.toFixed(2),
      `${(earned * 100).toFixed(0)} %`,
      ...cells,
    ];
  });
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** CPU time, so that a busy machine does not count; each series learns one bin and says its floor's window. */
function stepOfMany(): number {
  const perDay = 1440 / BIN_MINUTES;
  const load = (at: number): number => 40 + 30 * Math.sin((2 * Math.PI * at) / perDay) + ((at * 7919) % 11);
  const first = createForecaster();
  const count = LEARNED_DAYS * perDay;
  for (let at = 0; at < count; at++) first.learn({ at: epochMs(at * BIN_MS), gpus: load(at) });
  const state = first.state();
  const many = Array.from({ length: SERIES }, () => createForecaster({}, state));
  const times: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const before = process.cpuUsage();
    for (const [which, one] of many.entries()) {
      const at = count + step;
      one.learn({ at: epochMs(at * BIN_MS), gpus: load(at) + which });
      one.forecast(epochMs((at + 1) * BIN_MS), { lead: millis(5 * 60_000), hold: millis(30 * 60_000) });
    }
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return quantile(times, 0.5);
}
