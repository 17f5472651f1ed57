// The forecast by itself, half an hour ahead on the demand of a workload, over the windows that were played: what it misses by,
// beside the same time a day and a week before, and beside "as now". Nothing is bought here; the demand is what would run if nothing waited.

import { createForecaster } from "../../coordinator/forecast/forecaster.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { errorsOf } from "../bench/forecast-score.ts";
import { BIN_MS, binsOf } from "./bins.ts";
import type { Bin } from "./bins.ts";
import { WALL_START } from "./setting.ts";
import type { LoadedWorkload } from "./workloads.ts";

export const METHODS = ["ours", "day-ago", "week-ago", "as-now"] as const;
export type Method = (typeof METHODS)[number];

/** On the clock of the workload. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Loss {
  /** Mean over p10, p50 and p90 of twice their pinball losses, by the demand of the same bins. */
  readonly weightedQuantile: number;
  /** Of the p50, over bins with demand. */
  readonly mape: number;
}

export interface Alone {
  readonly title: string;
  /** Bins of five minutes that all methods had said something about. */
  readonly judged: number;
  readonly losses: Readonly<Record<Method, Loss>>;
  /** It loses less than the same time a day and a week ago. */
  readonly skill: boolean;
}

const LEAD_MS = millis(1_800_000);
/** From the last bin that is known to the one that holds "now + lead": now is the end of the last one. */
const STEPS = LEAD_MS / BIN_MS + 1;
const DAY_BINS = 86_400_000 / BIN_MS;
const SHARES = [0.1, 0.5, 0.9] as const;

/** A value for each share. */
type Said = readonly [p10: number, p50: number, p90: number];

/** Null: there is too little before the windows for all methods to say something, or no demand in them. */
export function forecastAlone(load: LoadedWorkload, windows: readonly Span[]): Alone | null {
  const until = Math.max(...windows.map(({ toMs }) => toMs));
  const steps = load.demand(load.fromMs, Math.min(until, load.toMs));
  const bins = binsOf(
    steps.map(({ atMs, gpus }) => ({ atMs: WALL_START + atMs, gpus })),
    WALL_START + until,
  );
  const isPlayed = ({ at }: Bin): boolean =>
    windows.some(({ fromMs, toMs }) => at >= WALL_START + fromMs && at < WALL_START + toMs);
  const sums = Object.fromEntries(METHODS.map((method) => [method, { quantiles: 0, share: 0 }])) as Record<
    Method,
    { quantiles: number; share: number }
  >;
  let judged = 0;
  let demand = 0;
  let withDemand = 0;
  const says = sayersOf(bins);
  for (const [at, bin] of bins.entries()) {
    const said = says(at);
    if (said === null || !isPlayed(bin)) continue;
    judged += 1;
    demand += bin.gpus;
    if (bin.gpus > 0) withDemand += 1;
    for (const method of METHODS) {
      const sum = sums[method];
      sum.quantiles += quantileLoss(said[method], bin.gpus);
      if (bin.gpus > 0) sum.share += Math.abs(said[method][1] - bin.gpus) / bin.gpus;
    }
  }
  if (judged === 0 || demand === 0) return null;
  const lossOf = (method: Method): Loss => ({
    weightedQuantile: sums[method].quantiles / demand,
    mape: sums[method].share / withDemand,
  });
  const losses = {
    ours: lossOf("ours"),
    "day-ago": lossOf("day-ago"),
    "week-ago": lossOf("week-ago"),
    "as-now": lossOf("as-now"),
  };
  const rivals = [losses["day-ago"], losses["week-ago"]];
  return {
    title: load.title,
    judged,
    losses,
    skill: rivals.every(({ weightedQuantile }) => losses.ours.weightedQuantile < weightedQuantile),
  };
}

type AllSaid = Readonly<Record<Method, Said>>;

/** What was said of a bin half an hour before it, bin after bin; null: one of the methods said nothing. */
function sayersOf(bins: readonly Bin[]): (at: number) => AllSaid | null {
  const forecaster = createForecaster();
  const simple = {
    "day-ago": naive(bins, DAY_BINS),
    "week-ago": naive(bins, 7 * DAY_BINS),
    "as-now": naive(bins, STEPS),
  };
  const waiting = new Map<number, AllSaid>();
  return (at) => {
    const bin = bins[at];
    if (bin === undefined) return null;
    const due = waiting.get(at) ?? null;
    waiting.delete(at);
    forecaster.learn(bin);
    const said = forecaster.forecast(epochMs(bin.at + BIN_MS), { lead: LEAD_MS });
    const day = simple["day-ago"](at);
    const week = simple["week-ago"](at);
    const now = simple["as-now"](at);
    if (said.kind === "forecast" && now !== null && day !== null && week !== null)
      waiting.set(at + STEPS, {
        ours: [said.p10, said.p50, said.p90],
        "day-ago": day,
        "week-ago": week,
        "as-now": now,
      });
    return due;
  };
}

/** The same as so many bins before, with bounds from its own errors of the last 14 days. Asked for every bin in turn. */
function naive(bins: readonly Bin[], before: number): (at: number) => Said | null {
  const errors = errorsOf(14 * DAY_BINS);
  return (at) => {
    const was = bins[at - before];
    const is = bins[at];
    if (was !== undefined && is !== undefined) errors.add(is.gpus - was.gpus);
    const middle = bins[at + STEPS - before]?.gpus;
    if (middle === undefined) return null;
    return [Math.max(0, middle + errors.rank(0.1)), middle, middle + errors.rank(0.9)];
  };
}

/** Mean over the shares of twice the pinball loss. */
function quantileLoss(said: Said, gpus: number): number {
  const losses = SHARES.map((share, which) => {
    const miss = gpus - (said[which] ?? 0);
    return 2 * (miss > 0 ? share * miss : (share - 1) * miss);
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / SHARES.length;
}
