// Cron lines in their time zone, asked by instant: when did it last come, when does it come next. A line that falls
// into the hour that a clock skips comes at the first instant after it; one that falls into the hour that comes twice
// comes the first time. What cannot be read is an answer too: nothing here throws, and no zone becomes UTC in silence.

import { Cron } from "croner";

import { toInstantText } from "../../../shared/model/instant.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export interface CronLine {
  /** The last time at or before `at`; null when there was none. */
  lastAt(at: EpochMs): EpochMs | null;
  /** The first time after `at`; null when there is none. */
  nextAfter(at: EpochMs): EpochMs | null;
}

export type ReadCron =
  | { readonly kind: "read"; readonly line: CronLine }
  | { readonly kind: "bad"; readonly field: "pattern" | "timeZone"; readonly problem: string };

/** Reading a line costs more than asking it, and policies come back in every decision with the same ones. */
const CACHE_MAX = 512;
const cache = new Map<string, ReadCron>();

export function readCron(pattern: string, timeZone: string): ReadCron {
  const key = `${timeZone} ${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const read = parse(pattern, timeZone);
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, read);
  return read;
}

function parse(pattern: string, timeZone: string): ReadCron {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    return {
      kind: "bad",
      field: "timeZone",
      problem: `${JSON.stringify(timeZone)} is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC`,
    };
  }
  try {
    return {
      kind: "read",
      line: lineOf(new Cron(pattern, { timezone: timeZone, mode: "5-part", paused: true })),
    };
  } catch (error) {
    return {
      kind: "bad",
      field: "pattern",
      problem: `${JSON.stringify(pattern)} is no cron line of five fields such as "30 8 * * 1-5" (${reasonOf(error)})`,
    };
  }
}

function lineOf(cron: Cron): CronLine {
  return {
    // The library looks strictly before the instant that it is given.
    lastAt: (at) => instantOf(() => cron.previousRuns(1, toInstantText(epochMs(at + 1)))[0]),
    nextAfter: (at) => instantOf(() => cron.nextRun(toInstantText(at))),
  };
}

/** The library throws for instants far beyond any calendar; there is no such time then. */
function instantOf(ask: () => { getTime(): number } | null | undefined): EpochMs | null {
  try {
    const ms = ask()?.getTime();
    return ms === undefined || !(ms >= 0) ? null : epochMs(ms);
  } catch {
    return null;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "it cannot be read";
}
