// What each simple forecast says about one bin, and what each takes from a finished one. An expert that lacks its past
// says NaN, which is "I abstain".

import { alikeDays, factorOf } from "./calendar.ts";
import type { LocalBin } from "./calendar.ts";
import { valueAt } from "./days.ts";
import { EXPERT, LAGS, SEASONS } from "./expert-names.ts";
import { HEAD } from "./model.ts";
import type { Model } from "./model.ts";
import { MINUTE_MS } from "./options.ts";
import type { Setup } from "./options.ts";

const LEVEL_HALF_LIFE_MINUTES = 90;
/** What the level is off now says less and less about later. */
const LEVEL_FADE_MINUTES = 360;
const LAG_HALF_LIFE_MINUTES = 45;
const LAST_VALUE_MINUTES = 60;

/** Fills `out`, one GPU count an expert. `profile`: of the target. */
export function askExperts(
  model: Model,
  setup: Setup,
  target: LocalBin & { readonly index: number; readonly profile: number },
  out: Float64Array,
): void {
  const { head, level, lagSum, lagWeight } = model;
  const last = head[HEAD.last] ?? Number.NaN;
  const minutes = ((target.index - last) * setup.binMs) / MINUTE_MS;
  const factor = factorOf(setup, target.day);
  const old = ((last - (head[HEAD.known] ?? Number.NaN)) * setup.binMs) / MINUTE_MS;
  out[EXPERT.last] = old <= LAST_VALUE_MINUTES ? (head[HEAD.value] ?? Number.NaN) : Number.NaN;
  out[EXPERT.profile] = target.profile * factor;
  const small = smallOf(model);
  const off = (level[0] ?? 0) / Math.max(level[1] ?? 0, 1e-9);
  const kept = off * 0.5 ** (minutes / LEVEL_FADE_MINUTES);
  out[EXPERT.level] = Math.max(0, (target.profile + small) * Math.exp(kept) - small) * factor;
  for (let lag = 0; lag < LAGS.length; lag++) {
    const value = lagged(model, setup, target, lag) * factor;
    if (lag === 0) out[EXPERT.yesterday] = value;
    if (lag === 1) out[EXPERT.week] = value;
    const weight = lagWeight[lag] ?? 0;
    out[EXPERT.lags + lag] = weight > 0 ? Math.max(0, value + (lagSum[lag] ?? 0) / weight) : Number.NaN;
  }
  for (let set = 0; set < SEASONS.length; set++) {
    const season = model.season[set]?.[seasonPlace(setup, set, target)] ?? Number.NaN;
    out[EXPERT.seasons + set] = Math.max(0, (model.seasonLevel[set] ?? Number.NaN) + season) * factor;
  }
}

/** `profile`: what was usual at that bin. */
export function teachExperts(
  model: Model,
  setup: Setup,
  bin: LocalBin & { readonly profile: number; readonly value: number },
): void {
  const { level, lagSum, lagWeight } = model;
  const bins = setup.binMs / MINUTE_MS;
  const small = smallOf(model);
  if (!Number.isNaN(bin.profile)) {
    const keep = 0.5 ** (bins / LEVEL_HALF_LIFE_MINUTES);
    const ratio = Math.log((bin.value + small) / (bin.profile + small));
    level[0] = (level[0] ?? 0) * keep + ratio;
    level[1] = (level[1] ?? 0) * keep + 1;
  }
  const keep = 0.5 ** (bins / LAG_HALF_LIFE_MINUTES);
  for (let lag = 0; lag < LAGS.length; lag++) {
    const before = lagged(model, setup, bin, lag);
    if (Number.isNaN(before)) continue;
    lagSum[lag] = (lagSum[lag] ?? 0) * keep + bin.value - before;
    lagWeight[lag] = (lagWeight[lag] ?? 0) * keep + 1;
  }
  for (let set = 0; set < SEASONS.length; set++) teachSeason(model, setup, set, bin);
}

function teachSeason(
  model: Model,
  setup: Setup,
  set: number,
  bin: LocalBin & { readonly value: number },
): void {
  const curve = model.season[set];
  const constants = SEASONS[set];
  if (curve === undefined || constants === undefined) return;
  const place = seasonPlace(setup, set, bin);
  const season = curve[place] ?? Number.NaN;
  const before = model.seasonLevel[set] ?? Number.NaN;
  const alpha = 1 - 0.5 ** (setup.binMs / MINUTE_MS / constants.levelMinutes);
  const level = Number.isNaN(before)
    ? bin.value
    : before + alpha * (bin.value - (Number.isNaN(season) ? 0 : season) - before);
  model.seasonLevel[set] = level;
  curve[place] = Number.isNaN(season)
    ? bin.value - level
    : season + constants.gamma * (bin.value - level - season);
}

function seasonPlace(setup: Setup, set: number, { day, slot }: LocalBin): number {
  return SEASONS[set]?.days === 1 ? slot : ((day + 4) % 7) * setup.slots + slot;
}

function lagged(model: Model, setup: Setup, { day, slot }: LocalBin, lag: number): number {
  if (lag === 0) return valueAt(model, setup, day - 1, slot);
  let sum = 0;
  let count = 0;
  for (const past of alikeDays(setup, day, lag === 1 ? 1 : 4)) {
    const value = valueAt(model, setup, past, slot);
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}

/** Next to nothing, in GPUs: so that a ratio to an idle hour stays a number. */
function smallOf({ head }: Model): number {
  return Math.max(0.02 * (head[HEAD.mean] ?? 0), 0.01);
}
