// How far a zone's clocks are from UTC at an instant. Asked of the platform once for each quarter of an hour, as no zone
// of these days changes or differs by less; no zone becomes UTC in silence.

import { parseInstant } from "../../shared/model/instant.ts";
import { epochMs } from "../../shared/model/units.ts";

const QUARTER_MS = 900_000;
/** Two months of quarters, for several zones. */
const CACHE_MAX = 40_000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  readonly offsets: Map<number, number>;
}
const zones = new Map<string, Zone>();

export function isTimeZone(timeZone: string): boolean {
  try {
    zoneOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** Local time less UTC, in milliseconds. @throws RangeError for a zone that is not known here. */
export function offsetAt(timeZone: string, at: number): number {
  const { format, offsets } = zoneOf(timeZone);
  const quarter = Math.floor(at / QUARTER_MS);
  const known = offsets.get(quarter);
  if (known !== undefined) return known;
  const offset = localOf(format, quarter * QUARTER_MS) - quarter * QUARTER_MS;
  if (offsets.size >= CACHE_MAX) offsets.clear();
  offsets.set(quarter, offset);
  return offset;
}

function zoneOf(timeZone: string): Zone {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const zone = { format, offsets: new Map<number, number>() };
  zones.set(timeZone, zone);
  return zone;
}

/** The wall clock read as if it stood in UTC. */
function localOf(format: Intl.DateTimeFormat, at: number): number {
  const parts = new Map(format.formatToParts(epochMs(at)).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  const local = parseInstant(
    `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}Z`,
  );
  // Only the first hours of 1970, west of Greenwich, lie before every instant.
  return local ?? at;
}
