// How wrong forecasts were, as a histogram of errors in units of the usual error at that hour and level. From it come
// the bounds around a forecast and the chance that demand passes a number; old errors fade.

import { BUCKETS } from "./model.ts";
import type { Track } from "./model.ts";

const HALF = BUCKETS / 2;
/** Buckets are narrow around no error and widen outwards: the bucket of r is asinh(FINE r) PER. */
const FINE = 4;
const PER = 5;
/** An error that is none. */
const HIT = 0.01;
const ALL = 0;
const LEVEL = 1;
const LEVEL_MIN = 0.5;
const LEVEL_MAX = 0.995;
/** How much one hour's own errors count against those of all hours. */
const HOUR_SHARE = 0.4;

/** The size of an error that is usual at this hour for a forecast of `point`; never 0. `mean`: of all demand. */
export function scaleOf({ byHour, figures }: Track, hour: number, point: number, mean: number): number {
  const all = figures[ALL] ?? Number.NaN;
  const own = byHour[hour] ?? Number.NaN;
  const usual = Number.isNaN(all)
    ? mean
    : Number.isNaN(own)
      ? all
      : own * HOUR_SHARE + all * (1 - HOUR_SHARE);
  return Math.max(usual * swell(point, mean), mean * 0.002, 1e-3);
}

/** Counts vary with the root of their size. */
function swell(point: number, mean: number): number {
  const floor = mean * 0.1 + 1e-3;
  return Math.sqrt((Math.max(0, point) + floor) / (mean + floor));
}

export interface Seen {
  readonly hour: number;
  readonly point: number;
  readonly scale: number;
  readonly bound: number;
  readonly value: number;
  readonly mean: number;
}

/** Rates: what of the old is lost with this error, for the histogram, for an hour's usual error and for the adaptive level. */
export interface Rates {
  readonly fade: number;
  readonly hour: number;
  readonly all: number;
  readonly level: number;
}

/** Takes in one matured forecast. */
export function addResidual(track: Track, seen: Seen, rates: Rates): void {
  const { histogram, byHour, figures } = track;
  const residual = seen.value - seen.point;
  for (let at = 0; at < BUCKETS; at++) histogram[at] = (histogram[at] ?? 0) * rates.fade;
  const bucket = bucketOf(residual / seen.scale);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
  const size = Math.abs(residual) / swell(seen.point, seen.mean);
  byHour[seen.hour] = towards(byHour[seen.hour], size, rates.hour);
  figures[ALL] = towards(figures[ALL], size, rates.all);
  if (Number.isNaN(seen.bound)) return;
  const level = (figures[LEVEL] ?? 0.9) + rates.level * ((seen.value > seen.bound ? 1 : 0) - 0.1);
  figures[LEVEL] = Math.min(LEVEL_MAX, Math.max(LEVEL_MIN, level));
}

/** The upper bound of 90 %, at the level that has kept its promise lately; NaN while no error is known. */
export function upperBound(track: Track, point: number, scale: number): number {
  return point + quantileOf(track, track.figures[LEVEL] ?? 0.9) * scale;
}

/** In units of the usual error. */
export function quantileOf({ histogram }: Track, share: number): number {
  let total = 0;
  for (let at = 0; at < BUCKETS; at++) total += histogram[at] ?? 0;
  if (total === 0) return Number.NaN;
  let left = total * share;
  for (let at = 0; at < BUCKETS; at++) {
    const here = histogram[at] ?? 0;
    if (left <= here && here > 0)
      return at === HALF - 1 ? 0 : edge(at) + (left / here) * (edge(at + 1) - edge(at));
    left -= here;
  }
  return edge(BUCKETS);
}

/** The share of errors above `residual`, in units of the usual error; NaN while none is known. */
export function shareAbove({ histogram }: Track, residual: number): number {
  const place = placeOf(residual);
  const bucket = Math.floor(place);
  let total = 0;
  let above = 0;
  for (let at = 0; at < BUCKETS; at++) {
    const here = histogram[at] ?? 0;
    total += here;
    // What came exactly is not spread over its bucket: it is no fall.
    if (at > bucket || (at === bucket && at === HALF - 1)) above += here;
    else if (at === bucket) above += here * (1 - (residual - edge(at)) / (edge(at + 1) - edge(at)));
  }
  return total === 0 ? Number.NaN : Math.min(1, Math.max(0, above / total));
}

function placeOf(residual: number): number {
  return Math.asinh(residual * FINE) * PER + HALF;
}

function bucketOf(residual: number): number {
  // What came exactly is no rise.
  return Math.min(BUCKETS - 1, Math.max(0, Math.floor(placeOf(residual - HIT))));
}

const EDGES = Float64Array.from({ length: BUCKETS + 1 }, (_, at) => Math.sinh((at - HALF) / PER) / FINE);

function edge(at: number): number {
  return EDGES[at] ?? 0;
}

function towards(from: number | undefined, to: number, rate: number): number {
  return from === undefined || Number.isNaN(from) ? to : from + (to - from) * rate;
}
