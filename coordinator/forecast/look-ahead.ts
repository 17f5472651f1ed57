// The forecast of one bin at one horizon: what every expert says, how they are weighed there, and what comes of it.

import { localBin } from "./calendar.ts";
import type { LocalBin } from "./calendar.ts";
import { combined, weigh } from "./combine.ts";
import { valueAt } from "./days.ts";
import { EXPERT, EXPERTS } from "./expert-names.ts";
import { askExperts } from "./experts.ts";
import { followed } from "./follow.ts";
import { HEAD } from "./model.ts";
import type { Model } from "./model.ts";
import type { Setup } from "./options.ts";
import { profileAt } from "./profile.ts";

export interface Ahead {
  readonly bin: LocalBin;
  readonly said: Float64Array;
  readonly weights: Float64Array;
  /** NaN when no expert speaks. */
  readonly point: number;
  /** What was usual at the last bin. */
  readonly usual: number;
  /** The same slot seven days before, whatever the calendar says: what has to be beaten. */
  readonly week: number;
}

/** `at`: which horizon's weights. `index`: the bin, which may lie nearer than the horizon. */
export function lookAhead(model: Model, setup: Setup, at: number, index: number): Ahead {
  const bin = localBin(setup, index);
  const said = new Float64Array(EXPERTS.length);
  const weights = new Float64Array(EXPERTS.length);
  const profile = usualAt(model, setup, index);
  askExperts(model, setup, { ...bin, index, profile }, said);
  const last = model.head[HEAD.last] ?? Number.NaN;
  const usual = Number.isNaN(last) ? Number.NaN : usualAt(model, setup, last);
  const horizon = model.horizons[at];
  if (horizon !== undefined) {
    said[EXPERT.followed] = followed(horizon, said, usual);
    weigh(horizon, said, setup.slots, weights);
  }
  return {
    bin,
    said,
    weights,
    point: combined(said, weights),
    usual,
    week: valueAt(model, setup, bin.day - 7, bin.slot),
  };
}

function usualAt(model: Model, setup: Setup, index: number): number {
  const place = index % model.profile.length;
  return model.profileBin[place] === index
    ? (model.profile[place] ?? Number.NaN)
    : profileAt(model, setup, localBin(setup, index));
}
