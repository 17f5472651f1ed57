// Load over time from a CSV: a series of values at even steps, or requests one by one, which count from their arrival for as
// long as each takes. Both become one value for each step. A gap in a series is refused unless the scenario says that the
// value before it holds; it is never taken as zero.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { readTable, unreadColumns } from "./csv.ts";
import type { TableRow } from "./csv.ts";

export interface Load {
  readonly file: string;
  /** Wall clock of the first step, where the file has instants; null: the file counts seconds. */
  readonly start: EpochMs | null;
  /** Instant of the first step on the file's own clock. */
  readonly fromMs: number;
  readonly stepMs: Millis;
  readonly values: readonly number[];
  readonly notes: readonly string[];
}

/** Refuse: a gap stops the reading. Hold: the value before it goes on, and the steps are counted. */
export type Gaps = "Refuse" | "Hold";

/** `column` holds the values. @throws AppError bad-input with file, line, field and way out. */
export function readSeries(text: string, file: string, column: string, gaps: Gaps): Load {
  const table = readTable(text, file, [column], [["t_s", "time"]]);
  const clock = table.columns.includes("t_s") ? "t_s" : "time";
  const instantOf = (row: TableRow): number =>
    clock === "t_s" ? row.milliseconds("t_s") : row.instant("time");
  const [first, second] = table.rows;
  if (first === undefined || second === undefined)
    return table.rows[0]?.refuse(clock, "one row makes no series; it takes two to know the step") as never;
  const fromMs = instantOf(first);
  const stepMs = instantOf(second) - fromMs;
  if (stepMs <= 0)
    second.refuse(clock, "does not come after the row above it; sort the rows and remove doubles");
  const values: number[] = [];
  let held = 0;
  let before = fromMs - 1;
  for (const row of table.rows) {
    const at = instantOf(row);
    const place = (at - fromMs) / stepMs;
    if (at <= before)
      row.refuse(clock, `${row.text(clock)} overlaps the rows above it; sort the rows and remove doubles`);
    if (!Number.isInteger(place))
      row.refuse(
        clock,
        `${row.text(clock)} is not on the file's step of ${stepMs / 1000} s; resample the series`,
      );
    before = at;
    const isEmpty = row.text(column) === "";
    const missing = place - values.length + (isEmpty ? 1 : 0);
    if (missing > 0 && (gaps === "Refuse" || values.length === 0))
      row.refuse(
        isEmpty ? column : clock,
        `${missing} ${missing === 1 ? "value is" : "values are"} missing here; fill the gap, or write gaps: Hold in the scenario`,
      );
    const last = values.at(-1) ?? 0;
    for (let step = 0; step < missing; step += 1) values.push(last);
    held += missing;
    if (!isEmpty) values.push(row.atLeast(column, 0));
  }
  const unread = unreadColumns(table, [clock, column]);
  return {
    file,
    start: clock === "time" ? (fromMs as EpochMs) : null,
    fromMs: clock === "time" ? 0 : fromMs,
    stepMs: millis(stepMs),
    values,
    notes: [
      ...(unread === null ? [] : [unread]),
      ...(held === 0 ? [] : [`${file}: ${held} missing values were taken as the one before (gaps: Hold).`]),
    ],
  };
}

/** Mean number of requests in progress in each step. @throws AppError bad-input with file, line, field and way out. */
export function readRequests(text: string, file: string, column: string, stepMs: Millis): Load {
  const table = readTable(text, file, ["arrival_s", column]);
  const busyMs: number[] = [];
  let before = 0;
  for (const row of table.rows) {
    const from = row.milliseconds("arrival_s");
    if (from < before)
      row.refuse("arrival_s", `${from / 1000} comes before the row above it; sort by arrival`);
    before = from;
    const to = from + row.milliseconds(column);
    for (let step = Math.floor(from / stepMs); step * stepMs < to; step += 1) {
      const overlap = Math.min(to, (step + 1) * stepMs) - Math.max(from, step * stepMs);
      busyMs[step] = (busyMs[step] ?? 0) + overlap;
    }
  }
  const unread = unreadColumns(table, ["arrival_s", column]);
  return {
    file,
    start: null,
    fromMs: 0,
    stepMs,
    values: Array.from(busyMs, (busy: number | undefined) => (busy ?? 0) / stepMs),
    notes: unread === null ? [] : [unread],
  };
}
