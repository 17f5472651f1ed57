// A forecast for a replay whose window begins in the middle of a longer history: it has seen the demand of the days before, as
// a coordinator has that ran then, and goes on from there with what the replay's own snapshots show. Beside ours the simplest
// rival: the same as a day ago.

import type { ForecastInput } from "../../coordinator/decide/snapshot.ts";
import { createForecastFeed } from "../../coordinator/forecast/feed.ts";
import type { Forecasting } from "../../coordinator/replay/engine/play.ts";
import { gpusIn } from "../../shared/model/resources.ts";
import { epochMs, ratio } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { BIN_MS, binsOf } from "./bins.ts";
import type { Bin } from "./bins.ts";
import type { Setting } from "./setting.ts";

const DAY_BINS = 86_400_000 / BIN_MS;
const HOLD_MS = 1_800_000;

export type ForecastKind = "ours" | "seasonal-naive";

export function forecasting(kind: ForecastKind, setting: Setting, policy: string): Forecasting {
  const { start } = setting;
  const past = binsOf(
    setting.past.map(({ atMs, gpus }) => ({ atMs: start + atMs, gpus })),
    start,
  );
  const leadMs = longest(setting.times.nodeReadyMs);
  return kind === "ours" ? ourForecast(past, policy) : yesterday(past, leadMs, policy);
}

export interface Watched {
  readonly forecast: Forecasting;
  /** Of the bins in which a decision asked, those in which the forecast might move a node; null: none asked. */
  trusted(): number | null;
}

/** Looks on from `fromMs`, in ms since 1970: what a forecast says while all warms in is not judged. */
export function watched(forecast: Forecasting, fromMs: number): Watched {
  const bins = new Map<number, boolean>();
  let bin: number | null = null;
  return {
    forecast: {
      ...forecast,
      look: (snapshot) => {
        bin = snapshot.at < fromMs ? null : Math.floor(snapshot.at / BIN_MS);
        forecast.look(snapshot);
      },
      inputOf: (policy) => {
        const input = forecast.inputOf(policy);
        if (bin !== null) bins.set(bin, bins.get(bin) === true || input?.earned === true);
        return input;
      },
    },
    trusted: () => (bins.size === 0 ? null : [...bins.values()].filter(Boolean).length / bins.size),
  };
}

/** The shipped feed, as the live coordinator has it, taught the past of the one kind of GPU that there is. */
function ourForecast(past: readonly Bin[], policy: string): Forecasting {
  const feed = createForecastFeed();
  let taught = false;
  return {
    look: (snapshot) => {
      feed.look(snapshot);
      if (taught) return;
      const own = feed.series().filter((series) => series.policy === policy);
      for (const { gpuType } of own) feed.teach(policy, gpuType, past);
      taught = own.length > 0;
    },
    inputOf: (asked) => feed.inputOf(asked),
    shown: () => feed.shown(),
  };
}

/** The most that was wanted a day before the half hour that begins when a node asked for now is there. */
function yesterday(past: readonly Bin[], leadMs: number, policy: string): Forecasting {
  const bins = new Map(past.map(({ at, gpus }) => [at / BIN_MS, gpus]));
  let input: ForecastInput | undefined;
  return measuring(
    (bin, now) => {
      bins.set(bin.at / BIN_MS, bin.gpus);
      const from = Math.floor((now + leadMs) / BIN_MS) - DAY_BINS;
      const until = Math.ceil((now + leadMs + HOLD_MS) / BIN_MS) - DAY_BINS;
      const seen = Array.from({ length: until - from }, (_, at) => bins.get(from + at)).filter(
        (gpus) => gpus !== undefined,
      );
      input =
        seen.length === 0
          ? undefined
          : {
              gpus: Math.ceil(Math.max(...seen)),
              at: epochMs(now + leadMs),
              confidence: ratio(1),
              earned: true,
            };
    },
    { policy, input: () => input, shown: () => null },
  );
}

interface Says {
  readonly policy: string;
  readonly input: () => ForecastInput | undefined;
  readonly shown: () => { readonly p50: number; readonly p90: number } | null;
}

/** Calls once for each bin that has ended, with the mean of what was busy or waited in it. */
function measuring(onBin: (bin: Bin, now: EpochMs) => void, { policy, input, shown }: Says): Forecasting {
  let level = 0;
  let at = -1;
  let area = 0;
  return {
    look: (snapshot) => {
      const now = snapshot.at;
      if (at < 0) at = Math.floor(now / BIN_MS) * BIN_MS;
      for (let end = endOf(at); now >= end; end = endOf(at)) {
        area += level * (end - at);
        onBin({ at: epochMs(end - BIN_MS), gpus: area / BIN_MS }, now);
        area = 0;
        at = end;
      }
      area += level * (now - at);
      at = now;
      level = snapshot.pods.reduce((sum, pod) => sum + (pod.terminating ? 0 : gpusIn(pod.requests)), 0);
    },
    inputOf: (asked) => (asked === policy ? input() : undefined),
    shown,
  };
}

function endOf(at: number): number {
  return (Math.floor(at / BIN_MS) + 1) * BIN_MS;
}

function longest(span: Setting["times"]["nodeReadyMs"]): number {
  return typeof span === "number" ? span : span[1];
}
