// What a policy asks of its forecast, in the forecaster's own terms: how far its horizons reach, and how early a node has
// to be ordered. The fields and their meaning for operators stand in shared/contract/policy/predictive.ts.

import type { Predictive } from "../../shared/contract/policy/predictive.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { MINUTE_MS } from "./options.ts";
import type { ForecastOptions } from "./options.ts";

/** The horizons that every policy has: those that the forecast was tuned with. */
const HORIZONS = [10, 30, 60, 120] as const;

/** Twice the policy's horizon is asked for: a start that nobody has measured takes one, and the window is another. */
export function optionsOf({ timeZone, lookbackDays, horizonMinutes, calendar }: Predictive): ForecastOptions {
  const reach = 2 * horizonMinutes;
  return {
    timeZone,
    lookbackDays,
    horizonsMinutes: reach > HORIZONS[3] ? [...HORIZONS, reach] : HORIZONS,
    calendar: calendar.map(({ date, factor, treatAs }) => ({
      date,
      factor,
      ...(treatAs === undefined ? {} : { treatAs }),
    })),
  };
}

/** The furthest moment of which errors are known. */
export function reachOf({ horizonMinutes }: Predictive): Millis {
  return millis(Math.max(HORIZONS[3], 2 * horizonMinutes) * MINUTE_MS);
}

export function horizonOf({ horizonMinutes }: Predictive): Millis {
  return millis(horizonMinutes * MINUTE_MS);
}
