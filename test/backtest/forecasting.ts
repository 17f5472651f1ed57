// A forecast for a replay whose window begins in the middle of a longer history: it has seen the demand of the days before, as
// a coordinator has that ran then, and goes on from there with what the replay's own snapshots show. Beside ours the simplest
// rival: the same as a day ago.

import type { ForecastInput } from "../../coordinator/decide/snapshot.ts";
import { createForecastFeed } from "../../coordinator/forecast/feed.ts";
import type { Forecasting } from "../../coordinator/replay/engine/play.ts";
import { gpusIn } from "../../shared/model/resources.ts";
import { epochMs, ratio } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { ForecastKind } from "./rows.ts";
import type { Setting } from "./setting.ts";

const BIN_MS = 300_000;
const DAY_BINS = 86_400_000 / BIN_MS;
const HOLD_MS = 1_800_000;

interface Bin {
  readonly at: EpochMs;
  readonly gpus: number;
}

export function forecasting(kind: ForecastKind, setting: Setting, policy: string): Forecasting {
  const past = binsOf(setting);
  const leadMs = longest(setting.times.nodeReadyMs);
  return kind === "ours" ? ourForecast(past, policy) : yesterday(past, leadMs, policy);
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

/** Means of the demand before the window, if nothing had waited, on the window's clock. */
function binsOf({ past, start }: Setting): readonly Bin[] {
  const [first] = past;
  if (first === undefined) return [];
  const bins: Bin[] = [];
  let at = 0;
  for (let bin = Math.ceil((start + first.atMs) / BIN_MS); (bin + 1) * BIN_MS <= start; bin++) {
    const from = bin * BIN_MS - start;
    let area = 0;
    while (at + 1 < past.length && (past[at + 1]?.atMs ?? 0) <= from) at += 1;
    for (let step = at; step < past.length; step++) {
      const { atMs, gpus } = past[step] ?? first;
      const begins = Math.max(from, atMs);
      const ends = Math.min(from + BIN_MS, past[step + 1]?.atMs ?? Infinity);
      if (begins >= from + BIN_MS) break;
      area += gpus * Math.max(0, ends - begins);
    }
    bins.push({ at: epochMs(bin * BIN_MS), gpus: area / BIN_MS });
  }
  return bins;
}

function longest(span: Setting["times"]["nodeReadyMs"]): number {
  return typeof span === "number" ? span : span[1];
}
