// The forecast of one bin at one horizon: what every expert says, how they are weighed there, and what comes of it.

import { localBin } from "./calendar.ts";
import type { LocalBin } from "./calendar.ts";
import { combined, weigh } from "./combine.ts";
import { valueAt } from "./days.ts";
import { EXPERTS } from "./expert-names.ts";
import { askExperts } from "./experts.ts";
import type { Model } from "./model.ts";
import type { Setup } from "./options.ts";
import { profileAt } from "./profile.ts";

export interface Ahead {
  readonly bin: LocalBin;
  readonly said: Float64Array;
  readonly weights: Float64Array;
  /** NaN when no expert speaks. */
  readonly point: number;
  /** The same slot seven days before, whatever the calendar says: what has to be beaten. */
  readonly week: number;
}

/** `at`: which horizon's weights. `index`: the bin, which may lie nearer than the horizon. */
export function lookAhead(model: Model, setup: Setup, at: number, index: number): Ahead {
  const bin = localBin(setup, index);
  const said = new Float64Array(EXPERTS.length);
  const weights = new Float64Array(EXPERTS.length);
  const place = index % model.profile.length;
  const profile =
    model.profileBin[place] === index ? (model.profile[place] ?? Number.NaN) : profileAt(model, setup, bin);
  askExperts(model, setup, { ...bin, index, profile }, said);
  const horizon = model.horizons[at];
  if (horizon !== undefined) weigh(horizon, said, setup.slots, weights);
  return {
    bin,
    said,
    weights,
    point: combined(said, weights),
    week: valueAt(model, setup, bin.day - 7, bin.slot),
  };
}
