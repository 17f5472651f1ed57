// One finished bin: forecasts that were made for it meet their value, everything that is remembered moves on, and the
// next forecasts of every horizon are made and put by until their own bin comes.

import { isExcluded, localBin } from "./calendar.ts";
import type { LocalBin } from "./calendar.ts";
import { judge, lossKeep } from "./combine.ts";
import { addDistance, fillSkipped, putValue } from "./days.ts";
import { isHasty, watchDrift } from "./drift.ts";
import { EXPERTS } from "./expert-names.ts";
import { teachExperts } from "./experts.ts";
import { teachFollow } from "./follow.ts";
import { lookAhead } from "./look-ahead.ts";
import { HEAD, PENDING_FIELDS } from "./model.ts";
import type { Model } from "./model.ts";
import type { Setup } from "./options.ts";
import { profileAt } from "./profile.ts";
import { addResidual, scaleOf, shareAbove, upperBound } from "./residuals.ts";
import { addOutcome } from "./skill.ts";

const MEAN_HALF_LIFE_DAYS = 7;
const HISTOGRAM_HALF_LIFE_DAYS = 14;
const HOUR_HALF_LIFE_DAYS = 5;
const ALL_HALF_LIFE_DAYS = 0.25;
/** What the adaptive level moves by in half an hour of misses. */
const LEVEL_STEP_30_MINUTES = 0.005;
/** A rise that is worth a chance of its own: a twentieth, or a GPU. */
const RISE = 0.05;

const OURS = 0;
const TRACK_FIELDS = 3;
const FIRST_TRACK = 1 + EXPERTS.length;
const CHANCE = FIRST_TRACK + 3 * TRACK_FIELDS;
const USUAL = CHANCE + 2;
const said = new Float64Array(EXPERTS.length);

/** `value`: NaN when the bin is not known. `floor`: it was cut off there, so demand was at least so much. */
export function learnBin(model: Model, setup: Setup, index: number, value: number, floor: boolean): void {
  const { head } = model;
  const bin = { ...localBin(setup, index), index };
  const before = { last: head[HEAD.last] ?? Number.NaN, value: head[HEAD.value] ?? Number.NaN };
  const usable = takes(model, setup, bin, value, floor);
  if (Number.isNaN(head[HEAD.first])) head[HEAD.first] = index;
  if (usable) for (const at of model.horizons.keys()) mature(model, setup, at, bin, value);
  head[HEAD.last] = index;
  if (usable) {
    takeIn(model, setup, bin, value, before);
    head[HEAD.known] = index;
    head[HEAD.value] = value;
  }
  keepProfile(model, setup, index + (setup.steps.at(-1) ?? 1));
  if (usable) for (const at of model.horizons.keys()) predict(model, setup, at, bin);
}

/** A bin that was cut off tells something only where it lies above what was expected. */
function takes(
  model: Model,
  setup: Setup,
  bin: LocalBin & { readonly index: number },
  value: number,
  floor: boolean,
): boolean {
  if (Number.isNaN(value)) return false;
  if (!floor) return true;
  const expected = lookAhead(model, setup, 0, bin.index).point;
  return !(value <= expected);
}

function takeIn(
  model: Model,
  setup: Setup,
  bin: LocalBin & { readonly index: number },
  value: number,
  before: { readonly last: number; readonly value: number },
): void {
  const { head } = model;
  const keep = 0.5 ** (1 / (setup.slots * MEAN_HALF_LIFE_DAYS));
  const grown = (head[HEAD.meanWeight] ?? 0) * keep + 1;
  head[HEAD.mean] = (head[HEAD.mean] ?? 0) + (value - (head[HEAD.mean] ?? 0)) / grown;
  head[HEAD.meanWeight] = grown;
  const profile = profileOf(model, setup, bin);
  if (before.last === bin.index - 1) {
    const from = localBin(setup, before.last);
    fillSkipped(model, setup, { ...from, value: before.value }, { ...bin, value });
  }
  putValue(model, setup, bin, value);
  if (!Number.isNaN(profile)) addDistance(model, bin, Math.abs(value - profile));
  if (!isExcluded(setup, bin.day)) teachExperts(model, setup, { ...bin, profile, value });
}

/** Works one out ahead, while it is the youngest that anybody can ask for. */
function keepProfile(model: Model, setup: Setup, index: number): void {
  const place = index % model.profile.length;
  model.profile[place] = profileAt(model, setup, localBin(setup, index));
  model.profileBin[place] = index;
}

function profileOf(model: Model, setup: Setup, bin: LocalBin & { readonly index: number }): number {
  const place = bin.index % model.profile.length;
  return model.profileBin[place] === bin.index
    ? (model.profile[place] ?? Number.NaN)
    : profileAt(model, setup, bin);
}

function predict(model: Model, setup: Setup, at: number, bin: LocalBin & { readonly index: number }): void {
  const horizon = model.horizons[at];
  const steps = setup.steps[at] ?? 1;
  if (horizon === undefined) return;
  const index = bin.index + steps;
  const ahead = lookAhead(model, setup, at, index);
  const { pending } = horizon;
  const start = (index % steps) * PENDING_FIELDS;
  pending[start] = index;
  pending.set(ahead.said, start + 1);
  const mean = model.head[HEAD.mean] ?? 0;
  const hour = Math.floor((ahead.bin.slot * 24) / setup.slots);
  for (const [track, point] of [ahead.point, ahead.said[0] ?? Number.NaN, ahead.week].entries()) {
    const own = horizon.tracks[track];
    if (own === undefined) continue;
    const scale = scaleOf(own, hour, point, mean);
    pending.set([point, scale, upperBound(own, point, scale)], start + FIRST_TRACK + track * TRACK_FIELDS);
  }
  const now = model.head[HEAD.value] ?? 0;
  const threshold = now + Math.max(1, now * RISE);
  const [ours] = horizon.tracks;
  const scale = pending[start + FIRST_TRACK + 1] ?? 1;
  pending[start + CHANCE] =
    ours === undefined ? Number.NaN : shareAbove(ours, (threshold - ahead.point) / scale);
  pending[start + CHANCE + 1] = threshold;
  pending[start + USUAL] = ahead.usual;
}

function mature(
  model: Model,
  setup: Setup,
  at: number,
  bin: LocalBin & { readonly index: number },
  value: number,
): void {
  const horizon = model.horizons[at];
  const steps = setup.steps[at] ?? 1;
  if (horizon === undefined) return;
  const { pending } = horizon;
  const start = (bin.index % steps) * PENDING_FIELDS;
  if (pending[start] !== bin.index) return;
  const perDay = setup.slots;
  const hasty = isHasty(horizon, bin.index, perDay);
  for (let expert = 0; expert < said.length; expert++)
    said[expert] = pending[start + 1 + expert] ?? Number.NaN;
  judge(horizon, said, value, lossKeep(perDay, hasty));
  teachFollow(horizon, said, pending[start + USUAL] ?? Number.NaN, { value, binsPerDay: perDay });
  const field = (track: number, offset: number): number =>
    pending[start + FIRST_TRACK + track * TRACK_FIELDS + offset] ?? Number.NaN;
  const chance = pending[start + CHANCE] ?? Number.NaN;
  const threshold = pending[start + CHANCE + 1] ?? Number.NaN;
  addOutcome(
    horizon,
    {
      day: Math.floor(bin.index / perDay),
      value,
      point: field(OURS, 0),
      bound: field(OURS, 2),
      lastBound: field(1, 2),
      week: field(2, 0),
      weekBound: field(2, 2),
      chance,
      threshold,
    },
    perDay,
  );
  if (!Number.isNaN(field(OURS, 2)))
    watchDrift(horizon, bin.index, Math.abs(value - field(OURS, 0)) / field(OURS, 1), perDay);
  const pace = hasty ? 4 : 1;
  const rates = {
    fade: 0.5 ** (pace / (perDay * HISTOGRAM_HALF_LIFE_DAYS)),
    hour: 1 - 0.5 ** (pace / ((perDay / 24) * HOUR_HALF_LIFE_DAYS)),
    all: 1 - 0.5 ** (pace / (perDay * ALL_HALF_LIFE_DAYS)),
    level: LEVEL_STEP_30_MINUTES * Math.min(1, 48 / perDay),
  };
  const hour = Math.floor((bin.slot * 24) / setup.slots);
  const mean = model.head[HEAD.mean] ?? 0;
  for (const [track, own] of horizon.tracks.entries()) {
    const point = field(track, 0);
    if (Number.isNaN(point)) continue;
    addResidual(own, { hour, point, scale: field(track, 1), bound: field(track, 2), value, mean }, rates);
  }
}
