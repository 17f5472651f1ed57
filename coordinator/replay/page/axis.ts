// Where the marks of an axis stand: round numbers for amounts, round instants for time. It measures no text; whoever draws
// says how many marks there is room for.

import type { EpochMs } from "../../../shared/model/units.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between marks of time, from minutes to weeks. The page's script chooses among the same. */
export const TIME_STEPS: readonly number[] = [
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  28 * DAY,
];

export interface TimeMark {
  readonly atMs: number;
  readonly label: string;
}

/** The top of an axis that starts at zero and holds `most`, and the marks up to it: 1, 2 or 5 times a power of ten. */
export function amountMarks(
  most: number,
  room = 4,
): { readonly top: number; readonly marks: readonly number[] } {
  if (!(most > 0) || !Number.isFinite(most)) return { top: 1, marks: [0, 1] };
  const rough = most / room;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const steps = Math.ceil(most / step - 1e-9);
  // Through a fixed number of digits, so that 0.1 × 3 is 0.3.
  const marks = Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(12)));
  return { top: marks.at(-1) ?? 1, marks };
}

/** At most `room` marks from `fromMs` to `toMs`, both from the scenario's start, at round instants of UTC. */
export function timeMarks(fromMs: number, toMs: number, start: EpochMs, room = 8): readonly TimeMark[] {
  const step = TIME_STEPS.find((width) => (toMs - fromMs) / width <= room) ?? 28 * DAY;
  // Weeks begin on Mondays; the epoch began on a Thursday.
  const shift = step % (7 * DAY) === 0 ? 4 * DAY : 0;
  const first = Math.ceil((start + fromMs - shift) / step) * step + shift - start;
  const marks: TimeMark[] = [];
  for (let atMs = first; atMs <= toMs && marks.length <= room; atMs += step)
    marks.push({ atMs, label: step >= DAY ? dayText(start + atMs) : timeText(start + atMs) });
  return marks;
}

/** "3 Nov". */
export function dayText(epochMs: number): string {
  const date = new Date(epochMs);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ""}`;
}

/** "3 Nov 09:30", in UTC. */
export function momentText(epochMs: number): string {
  return `${dayText(epochMs)} ${new Date(epochMs).toISOString().slice(11, 16)}`;
}

/** Midnight shows its day, every other time its hour. */
function timeText(epochMs: number): string {
  return epochMs % DAY === 0 ? dayText(epochMs) : new Date(epochMs).toISOString().slice(11, 16);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** "29 d 12 h", "40 min": the two largest units. */
export function lengthText(ms: number): string {
  const parts = [
    `${Math.floor(ms / DAY)} d`,
    `${Math.floor((ms % DAY) / HOUR)} h`,
    `${Math.floor((ms % HOUR) / MINUTE)} min`,
  ];
  const from = parts.findIndex((part) => !part.startsWith("0 "));
  if (from < 0) return "less than a minute";
  return parts
    .slice(from, from + 2)
    .filter((part) => !part.startsWith("0 "))
    .join(" ");
}
