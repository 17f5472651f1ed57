// Reads an instant as RFC 3339 writes it, strictly: the platform's own parser accepts "1" and "March", and a
// drill whose time was mistyped must be refused instead of guessed. And writes one, for pure code that has no clock.

import { epochMs } from "./units.ts";
import type { EpochMs } from "./units.ts";

const FORM = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const DAY_MS = 86_400_000;

/** Journals and objects bring the same few texts again and again, each cycle for each of their readers. */
const MOST_KNOWN = 1_000;
/** An instant is shorter; whatever else a stranger writes is not kept. */
const LONGEST_KNOWN = 40;
const known = new Map<string, EpochMs | null>();

/** Null when `text` is not an RFC 3339 instant since 1970. */
export function parseInstant(text: string): EpochMs | null {
  const before = known.get(text);
  if (before !== undefined) return before;
  const at = parsed(text);
  if (known.size >= MOST_KNOWN) known.clear();
  if (text.length <= LONGEST_KNOWN) known.set(text, at);
  return at;
}

function parsed(text: string): EpochMs | null {
  const match = FORM.exec(text.trim());
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // 60 is a leap second, which ends where the next minute begins.
  if (hour > 23 || minute > 59 || second > 60 || month < 1 || month > 12) return null;
  if (day < 1 || day > daysInMonth(year, month)) return null;
  const offsetMinutes = offsetOf(match[8] ?? "Z");
  if (offsetMinutes === null) return null;

  const fractionMs = Math.floor(Number(match[7] ?? 0) * 1000);
  const minutes = hour * 60 + minute - offsetMinutes;
  const at = daysSince1970(year, month, day) * DAY_MS + minutes * 60_000 + second * 1000 + fractionMs;
  return at < 0 ? null : epochMs(at);
}

/** In UTC, with milliseconds: what `parseInstant` reads back. */
export function toInstantText(at: EpochMs): string {
  const { year, month, day } = dateOf(Math.floor(at / DAY_MS));
  const ms = at % DAY_MS;
  const time = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map((part) =>
    padded(Math.floor(part), 2),
  );
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}T${time.join(":")}.${padded(ms % 1000, 3)}Z`;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}

function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  // The mean year is never longer than a real one by more than the loop makes good.
  let year = 1970 + Math.floor(days / 365.2425);
  while (daysSince1970(year, 1, 1) > days) year--;
  while (daysSince1970(year + 1, 1, 1) <= days) year++;
  let month = 12;
  while (daysSince1970(year, month, 1) > days) month--;
  return { year, month, day: days - daysSince1970(year, month, 1) + 1 };
}

function offsetOf(zone: string): number | null {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1;
  const leapDays = (y: number): number => Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  let days = (year - 1970) * 365 + leapDays(before) - leapDays(1969);
  for (let m = 1; m < month; m++) days += daysInMonth(year, m);
  return days + day - 1;
}
