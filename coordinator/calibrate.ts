// How much work a decision may do, learned from how long earlier ones took. `decide` reads no clock, so its budget is
// counted in units of work, and this says how many of them fit into the time that a cycle has for it.

import type { Millis } from "../shared/model/units.ts";

/** What has been learned: units of work in a second. */
export interface Pace {
  readonly unitsPerSecond: number;
}

/** What one decision did. Its time holds all that it did beside packing, so the pace is rather too low. */
export interface Worked {
  readonly units: number;
  readonly ms: Millis;
}

/** Less than any machine does on which the coordinator should run: the first large decision is cut short, not long. */
export const FIRST_PACE: Pace = { unitsPerSecond: 500_000 };

/** Of a decision, in seconds: longer than that, the pods that wait are no longer those that it decides about. */
const DECISION_S = 2;
/** With fewer units the time is that of the rest of the decision, and says nothing about packing. */
const TELLING_UNITS = 20_000;
/** What the last decision counts for: one pause of the machine must not starve the next decisions for long. */
const WEIGHT = 0.3;
/** Below this nothing larger than a handful of pods would ever be packed, and so nothing learned. */
const LEAST_UNITS = 100_000;

export function learned(pace: Pace, { units, ms }: Worked): Pace {
  if (units < TELLING_UNITS || !(ms > 0)) return pace;
  const measured = (units / ms) * 1000;
  return { unitsPerSecond: (1 - WEIGHT) * pace.unitsPerSecond + WEIGHT * measured };
}

export function workUnitsOf({ unitsPerSecond }: Pace): number {
  return Math.max(LEAST_UNITS, Math.floor(unitsPerSecond * DECISION_S));
}
