// A forecaster of one series of demand: learns finished bins in order, and says at any time what is expected, how sure
// that is, and whether it has earned to be acted on. It holds no clock and does no I/O; what it knows is its state.

import { toInstantText } from "../../shared/model/instant.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Ratio } from "../../shared/model/units.ts";
import type { DemandBin } from "./bin.ts";
import { isExcluded } from "./calendar.ts";
import { standsBackUntil } from "./drift.ts";
import { EXPERTS } from "./expert-names.ts";
import { learnBin } from "./learn.ts";
import { lookAhead } from "./look-ahead.ts";
import type { Ahead } from "./look-ahead.ts";
import { HEAD, emptyModel } from "./model.ts";
import type { Model } from "./model.ts";
import { DAY_MS, MINUTE_MS, setupOf } from "./options.ts";
import type { ForecastOptions, Setup } from "./options.ts";
import { quantileOf, scaleOf, shareAbove, upperBound } from "./residuals.ts";
import { doubts, reliabilityOf, skillOf } from "./skill.ts";
import type { Reliability, Skill, StandDown } from "./skill.ts";
import { copyModel, fitsSetup, pastBins, shapeOf } from "./state.ts";
import type { ForecastState } from "./state.ts";

export interface ExpertShare {
  readonly name: string;
  /** Null: it abstains. */
  readonly gpus: number | null;
  readonly weight: number;
}

export type Forecast =
  | { readonly kind: "none"; readonly standsDown: readonly StandDown[] }
  | {
      readonly kind: "forecast";
      /** Start of the bin with the highest bound in the window that was asked for. */
      readonly at: EpochMs;
      /** GPUs in use or waited for. */
      readonly p10: number;
      readonly p50: number;
      readonly p90: number;
      readonly experts: readonly ExpertShare[];
      readonly skill: Skill;
      readonly reliability: readonly Reliability[];
      readonly earned: boolean;
      /** Empty exactly when it is earned. */
      readonly standsDown: readonly StandDown[];
      /** The chance that demand at that time is above so many GPUs. */
      exceeds(gpus: number): Ratio;
    };

export interface Window {
  /** From now to the start of the window: how long a node takes to serve. Absent: 30 minutes. */
  readonly lead?: Millis;
  /** Length of the window. Absent: none, only the one bin. */
  readonly hold?: Millis;
}

export interface Forecaster {
  /** @throws RangeError for a bin that is not on the grid, not after the last one, or not a number of at least 0. */
  learn(bin: DemandBin): void;
  /** Reads only. Beyond the longest horizon its own errors are taken, which are then too small. */
  forecast(now: EpochMs, window?: Window): Forecast;
  /** Start of the last bin that it was told; null: it was told none. */
  last(): EpochMs | null;
  state(): ForecastState;
}

const LEAD = millis(30 * MINUTE_MS);
/** How old the last known bin may be. */
const GAP_MS = 15 * MINUTE_MS;

/**
 * A state that was made with other horizons, bins or another zone is not lost: its bins are learned again.
 * @throws RangeError that names the option or the part of the state that is wrong.
 */
export function createForecaster(options: ForecastOptions = {}, state?: ForecastState): Forecaster {
  const setup = setupOf(options);
  const fits = state !== undefined && fitsSetup(state, setup);
  const model = fits ? copyModel(state.model) : emptyModel(setup);
  const learn = (bin: DemandBin): void => {
    learnBin(model, setup, indexOf(bin, setup, model), bin.gpus ?? Number.NaN, bin.censored ?? false);
  };
  if (state !== undefined && !fits) for (const bin of pastBins(state, setup)) learn(bin);
  return {
    learn,
    forecast: (now, window = {}) => forecastOf(model, setup, now, window),
    last: () => {
      const last = model.head[HEAD.last] ?? Number.NaN;
      return Number.isNaN(last) ? null : epochMs(last * setup.binMs);
    },
    state: () => ({ shape: shapeOf(setup), model: copyModel(model) }),
  };
}

function indexOf({ at, gpus }: DemandBin, { binMs }: Setup, { head }: Model): number {
  const index = at / binMs;
  if (!Number.isInteger(index))
    throw new RangeError(`at must be a multiple of ${binMs / MINUTE_MS} minutes, got ${toInstantText(at)}`);
  const last = head[HEAD.last] ?? Number.NaN;
  if (index <= last)
    throw new RangeError(
      `at must be after the last bin, ${toInstantText(epochMs(last * binMs))}, got ${toInstantText(at)}`,
    );
  if (gpus !== null && !(gpus >= 0 && gpus <= Number.MAX_SAFE_INTEGER))
    throw new RangeError(`gpus must be a number of at least 0, or null for not known, got ${gpus}`);
  return index;
}

function forecastOf(model: Model, setup: Setup, now: EpochMs, { lead = LEAD, hold }: Window): Forecast {
  const { binMs, steps } = setup;
  const last = model.head[HEAD.last] ?? Number.NaN;
  const gap: StandDown[] =
    now - ((model.head[HEAD.known] ?? Number.NaN) + 1) * binMs <= Math.max(GAP_MS, 2 * binMs)
      ? []
      : [{ code: "gap" }];
  if (Number.isNaN(last)) return { kind: "none", standsDown: [{ code: "cold-start", days: 0, needed: 2 }] };
  const from = Math.floor((now + lead) / binMs);
  const to = Math.max(from, Math.floor((now + lead + (hold ?? 0)) / binMs));
  let highest: Peak | null = null;
  for (let index = Math.max(from, last + 1); index <= to; index++) {
    const peak = peakAt(model, setup, index, horizonFor(steps, index - last));
    if (peak !== null && (highest === null || peak.p90 > highest.p90)) highest = peak;
  }
  if (highest === null)
    return { kind: "none", standsDown: [...gap, { code: "cold-start", days: 0, needed: 2 }] };
  return describe(model, setup, highest, gap);
}

/** The nearest horizon that reaches so far. */
function horizonFor(steps: readonly number[], ahead: number): number {
  const found = steps.findIndex((reach) => reach >= ahead);
  return found < 0 ? steps.length - 1 : found;
}

interface Peak {
  readonly index: number;
  readonly horizon: number;
  readonly ahead: Ahead;
  readonly scale: number;
  readonly p90: number;
}

function peakAt(model: Model, setup: Setup, index: number, at: number): Peak | null {
  const ahead = lookAhead(model, setup, at, index);
  const ours = model.horizons[at]?.tracks[0];
  if (Number.isNaN(ahead.point) || ours === undefined) return null;
  const hour = Math.floor((ahead.bin.slot * 24) / setup.slots);
  const scale = scaleOf(ours, hour, ahead.point, model.head[HEAD.mean] ?? 0);
  const p90 = upperBound(ours, ahead.point, scale);
  return Number.isNaN(p90) ? null : { index, horizon: at, ahead, scale, p90: Math.max(0, p90) };
}

function describe(model: Model, setup: Setup, peak: Peak, gap: readonly StandDown[]): Forecast {
  const { index, ahead, scale } = peak;
  const horizon = model.horizons[peak.horizon];
  const track = horizon?.tracks[0];
  if (horizon === undefined || track === undefined) return { kind: "none", standsDown: gap };
  const last = model.head[HEAD.last] ?? 0;
  const skill = skillOf(horizon, Math.floor(last / setup.slots), setup.slots);
  const until = standsBackUntil(horizon, last, setup.slots);
  const standsDown: readonly StandDown[] = [
    ...gap,
    ...(isExcluded(setup, ahead.bin.day)
      ? [{ code: "excluded-day" as const, date: toInstantText(epochMs(ahead.bin.day * DAY_MS)).slice(0, 10) }]
      : []),
    ...(until === null ? [] : [{ code: "drifted" as const, hoursLeft: ((until - last) * 24) / setup.slots }]),
    ...doubts(skill, horizon),
  ];
  const p50 = Math.max(0, ahead.point);
  return {
    kind: "forecast",
    at: epochMs(index * setup.binMs),
    p10: Math.min(p50, Math.max(0, ahead.point + quantileOf(track, 0.1) * scale)),
    p50,
    p90: Math.max(p50, peak.p90),
    experts: EXPERTS.map((name, at) => ({
      name,
      gpus: nullIfUnknown(ahead.said[at]),
      weight: ahead.weights[at] ?? 0,
    })),
    skill,
    reliability: reliabilityOf(horizon),
    earned: standsDown.length === 0,
    standsDown,
    exceeds: (gpus) => ratio(gpus < 0 ? 1 : shareAbove(track, (gpus - ahead.point) / scale)),
  };
}

function nullIfUnknown(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
