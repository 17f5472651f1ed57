// What a forecaster is made with, and the checks of it. The defaults are those that the bench was tuned with; a policy
// narrows the age of what is remembered and adds its zone and its special days.

import { parseInstant } from "../../shared/model/instant.ts";
import { isTimeZone } from "./zone.ts";

/** One day of the pool's calendar that is not what its weekday says. */
export interface SpecialDay {
  /** `YYYY-MM-DD`, in the pool's own zone. */
  readonly date: string;
  /** `exclude`: nothing is learned from that day, and no forecast for it moves a node. Absent: as its weekday. */
  readonly treatAs?: "weekend" | "weekday" | "exclude";
  /** What the patterns of other days are multiplied with; absent: 1. */
  readonly factor?: number;
}

export interface ForecastOptions {
  /** IANA name; absent: UTC. */
  readonly timeZone?: string;
  /** Width of a bin; has to divide a day. Absent: 5. */
  readonly binMinutes?: number;
  /** How far ahead forecasts are made and scored, upwards. Absent: 10, 30, 60, 120. */
  readonly horizonsMinutes?: readonly number[];
  /** The oldest day that counts, 1 to 56; absent: 56. Below 7 no week is known. */
  readonly lookbackDays?: number;
  readonly calendar?: readonly SpecialDay[];
}

/** Options with nothing left open; times in milliseconds. */
export interface Setup {
  readonly timeZone: string;
  readonly binMs: number;
  readonly slots: number;
  /** Bins from the last one that is known to the one that holds "now + horizon". */
  readonly steps: readonly number[];
  readonly horizonsMs: readonly number[];
  readonly lookbackDays: number;
  /** By day since 1970 of the local calendar. */
  readonly special: ReadonlyMap<number, SpecialDay>;
}

export const DAY_MS = 86_400_000;
export const MINUTE_MS = 60_000;
export const LOOKBACK_DAYS_MAX = 56;
const BIN_MINUTES = 5;
const HORIZONS_MINUTES = [10, 30, 60, 120];
/** Every horizon is scored at every bin. */
const HORIZONS_MAX = 8;
const FACTOR_MAX = 100;

/** @throws RangeError that names the field, its value and what it may be. */
export function setupOf(options: ForecastOptions): Setup {
  const {
    timeZone = "UTC",
    binMinutes = BIN_MINUTES,
    horizonsMinutes = HORIZONS_MINUTES,
    lookbackDays = LOOKBACK_DAYS_MAX,
    calendar = [],
  } = options;
  if (!isTimeZone(timeZone))
    refuse("timeZone", timeZone, "an IANA name that is known here, such as Europe/Vienna or UTC");
  const binMs = binMinutes * MINUTE_MS;
  // From an hour upwards a zone of half hours would share a bin between two slots.
  if (!Number.isInteger(binMinutes) || binMinutes < 1 || binMinutes > 60 || DAY_MS % binMs !== 0)
    refuse("binMinutes", binMinutes, "whole minutes from 1 to 60 that divide a day");
  if (!Number.isInteger(lookbackDays) || lookbackDays < 1 || lookbackDays > LOOKBACK_DAYS_MAX)
    refuse("lookbackDays", lookbackDays, `whole days from 1 to ${LOOKBACK_DAYS_MAX}`);
  const rising = horizonsMinutes.every((minutes, at) => minutes > (horizonsMinutes[at - 1] ?? 0));
  const known = horizonsMinutes.length > 0 && horizonsMinutes.length <= HORIZONS_MAX;
  if (!known || !rising || !horizonsMinutes.every((minutes) => minutes <= 1440))
    refuse("horizonsMinutes", horizonsMinutes, `1 to ${HORIZONS_MAX} horizons, upwards, each up to 1440`);
  const horizonsMs = horizonsMinutes.map((minutes) => minutes * MINUTE_MS);
  return {
    timeZone,
    binMs,
    slots: DAY_MS / binMs,
    steps: horizonsMs.map((ms) => stepsTo(ms, binMs)),
    horizonsMs,
    lookbackDays,
    special: new Map(calendar.map((day, at) => [dayNumber(day, at), day])),
  };
}

/** Bins from the last finished one to the one that holds the moment `ahead` of its end. */
export function stepsTo(ahead: number, binMs: number): number {
  return Math.floor(ahead / binMs) + 1;
}

function dayNumber({ date, factor = 1 }: SpecialDay, at: number): number {
  const midnight = /^\d{4}-\d{2}-\d{2}$/.test(date) ? parseInstant(`${date}T00:00:00Z`) : null;
  if (midnight === null) return refuse(`calendar[${at}].date`, date, "a day such as 2026-12-25");
  if (!(factor >= 0 && factor <= FACTOR_MAX))
    refuse(`calendar[${at}].factor`, factor, `a number from 0 to ${FACTOR_MAX}`);
  return midnight / DAY_MS;
}

function refuse(field: string, value: unknown, wanted: string): never {
  throw new RangeError(`${field} must be ${wanted}, got ${JSON.stringify(value)}`);
}
