// Series of demand for tests of the forecast: a load as a function of the local clock or of the bin, taught bin by bin.

import type { Forecaster } from "../../coordinator/forecast/forecaster.ts";
import { offsetAt } from "../../coordinator/forecast/zone.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export function instant(text: string): EpochMs {
  const at = parseInstant(text);
  if (at === null) throw new Error(`${text} is no instant`);
  return at;
}

export interface LocalTime {
  /** 0 is Sunday. */
  readonly weekday: number;
  /** From 0 up to, and without, 24. */
  readonly hour: number;
}

export function localTime(timeZone: string, at: number): LocalTime {
  const local = at + offsetAt(timeZone, at);
  return { weekday: (Math.floor(local / DAY_MS) + 4) % 7, hour: (local % DAY_MS) / HOUR_MS };
}

/** From `from` up to, and without, `until`. A null of `load` is taught as not known, undefined not at all. */
export function teach(
  forecaster: Forecaster,
  from: EpochMs,
  until: EpochMs,
  binMs: number,
  load: (at: number) => number | null | undefined,
): void {
  for (let at: number = from; at < until; at += binMs) {
    const gpus = load(at);
    if (gpus !== undefined) forecaster.learn({ at: epochMs(at), gpus });
  }
}
