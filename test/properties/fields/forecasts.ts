// Fields of the policy's forecast: what it has seen in the weeks before is given, and the order of nodes differs. It is
// Thursday noon by UTC, and nobody has measured a start, so that the half hour from 12:30 on is asked about.

import { epochMs, ratio } from "../../../shared/model/units.ts";
import { localTime } from "../../build/load.ts";
import { HOUR, MINUTE, NOW } from "../../build/now.ts";
import type { PolicyOptions } from "../../build/policy.ts";
import type { FieldCases } from "./case.ts";

const scaling = (more: NonNullable<PolicyOptions["predictive"]> = {}): PolicyOptions => ({
  predictive: { mode: "ForecastAndScale", lookbackDays: 28, ...more },
});

/** 32 GPUs from a quarter to one until four. */
const daily = (at: number): number => {
  const { hour } = localTime("UTC", at);
  return hour >= 12.75 && hour < 16 ? 32 : 0;
};
const notYesterday = (at: number): number => (localTime("UTC", at).weekday === 3 ? 0 : daily(at));
/** Up to 16 GPUs more from bin to bin, at all hours and in no order. */
const unsure = (at: number): number =>
  daily(at) + ((Math.floor(at / (5 * MINUTE)) * 2_654_435_761) >>> 0) / 2 ** 28;

const today = (more: object = {}) => scaling({ calendar: [{ date: "2026-01-15", ...more }] });

export const FORECAST_CASES: FieldCases = {
  "predictive.mode": {
    values: ["ForecastAndScale", "ForecastOnly"],
    policy: { forecast: { gpus: 8, at: epochMs(NOW + HOUR), confidence: ratio(0.9), earned: true } },
  },
  // Where it is tomorrow already, it is a day that the calendar excludes.
  "predictive.timeZone": {
    values: ["UTC", "Pacific/Kiritimati"],
    policy: scaling({ calendar: [{ date: "2026-01-16", treatAs: "exclude" }] }),
    past: daily,
  },
  "predictive.lookbackDays": { values: [28, 1], policy: scaling(), past: notYesterday },
  "predictive.horizonMinutes": { values: [30, 5], policy: scaling(), past: daily },
  "predictive.confidenceThreshold": { values: [0.3, 0.95], policy: scaling(), past: unsure },
  "predictive.preWarmThreshold": { values: [0.7, 1], policy: scaling(), past: daily },
  "predictive.maxPreWarmNodes": { values: [undefined, 2], policy: scaling(), past: daily },
  "predictive.maxPreWarmNodeHoursPerDay": { values: [undefined, 0], policy: scaling(), past: daily },
  "predictive.calendar[].date": {
    values: ["2026-01-15", "2026-06-01"],
    policy: today({ treatAs: "exclude" }),
    past: daily,
  },
  "predictive.calendar[].treatAs": { values: ["exclude", undefined], policy: today(), past: daily },
  "predictive.calendar[].factor": { values: [1, 0], policy: today(), past: daily },
};
