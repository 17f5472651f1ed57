// Reads series of load for the forecast's bench: which files, columns and gaps stands in a plan, so that another folder
// laid out alike runs with no code changed. What cannot be read is named by file, line and field, and nothing is guessed.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { AppError, describe } from "../../shared/runtime/errors.ts";

const DAY_S = 86_400;
const BIN_S_MIN = 300;
const BIN_S_MAX = 3600;

/** One file of the plan; in the folder it may be packed, with `.gz` behind its name. */
export interface PlanFile {
  readonly file: string;
  /** The column of the time: seconds, or `YYYY-MM-DD hh:mm:ss`. */
  readonly time: string;
  /** One series each; names with "+" between are added up. */
  readonly values: readonly string[];
  /** A series for each value of this column. */
  readonly by?: string;
  /** Seconds between rows; absent: rows stand only where something changes, and hold until the next. */
  readonly stepS?: number;
  /** The source has no reading where it says 0. */
  readonly zeroIsGap?: boolean;
}

export interface Series {
  readonly name: string;
  readonly binMinutes: number;
  /** Mean of each bin; null: not known. The first bin starts on a multiple of the bin. */
  readonly bins: readonly (number | null)[];
  readonly firstIndex: number;
}

export interface SeriesRead {
  readonly series: readonly Series[];
  /** What was left out, in words. */
  readonly dropped: readonly string[];
}

/** Files of the plan that the folder lacks are named among what was dropped. @throws AppError `bad-input`. */
export function readSeries(folder: string, planPath: string): SeriesRead {
  const plan = readPlan(planPath);
  const dropped: string[] = [];
  const series = plan.flatMap((entry) => {
    const path = [entry.file, `${entry.file}.gz`].map((file) => join(folder, file)).find(existsSync);
    if (path === undefined) {
      dropped.push(`${entry.file}: is not in ${folder}`);
      return [];
    }
    return seriesOf(textOf(path), entry, dropped);
  });
  if (series.length === 0)
    throw new AppError("bad-input", `${folder}: holds none of the series that ${planPath} names`);
  return { series, dropped };
}

function readPlan(path: string): readonly PlanFile[] {
  try {
    const read = JSON.parse(readFileSync(path, "utf8")) as { readonly series: readonly PlanFile[] };
    for (const [at, { file, time, values }] of read.series.entries()) {
      if (
        typeof file !== "string" ||
        typeof time !== "string" ||
        !Array.isArray(values) ||
        values.length === 0
      )
        throw new Error(`series[${at}] needs file, time and values`);
    }
    return read.series;
  } catch (error) {
    throw new AppError("bad-input", `${path}: is no plan of series (${describe(error)})`);
  }
}

function textOf(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

interface Row {
  readonly atS: number;
  readonly value: number | null;
}

function seriesOf(text: string, plan: PlanFile, dropped: string[]): readonly Series[] {
  const lines = text.split("\n").map((line) => line.trim());
  const header = lines.findIndex((line) => line !== "" && !line.startsWith("#"));
  const columns = (lines[header] ?? "").split(",");
  const place = (column: string): number => {
    const at = columns.indexOf(column);
    if (at < 0)
      throw new AppError(
        "bad-input",
        `${plan.file}, line ${header + 1}, ${column}: no such column; there are ${columns.join(", ")}`,
      );
    return at;
  };
  const time = place(plan.time);
  const by = plan.by === undefined ? null : place(plan.by);
  const sums = plan.values.map((value) => value.split("+").map(place));
  const rows = new Map<string, Row[]>();
  for (let at = header + 1; at < lines.length; at++) {
    const cells = (lines[at] ?? "").split(",");
    if (lines[at] === "" || lines[at]?.startsWith("#")) continue;
    const fail = (column: number, why: string): never => {
      throw new AppError("bad-input", `${plan.file}, line ${at + 1}, ${columns[column] ?? "?"}: ${why}`);
    };
    const atS = secondsOf(cells[time] ?? "") ?? fail(time, `${JSON.stringify(cells[time])} is no time`);
    for (const [which, places] of sums.entries()) {
      const group = by === null ? "" : (cells[by] ?? "");
      const name = [plan.file.replace(/\.csv$/, ""), group, plan.values[which]].filter(Boolean).join(" ");
      const value = places.reduce((sum, column) => {
        const one = Number(cells[column]);
        if (cells[column] === undefined || cells[column] === "" || !(one >= 0))
          return fail(column, `${JSON.stringify(cells[column])} is not a number of at least 0`);
        return sum + one;
      }, 0);
      const list = rows.get(name) ?? [];
      const before = list.at(-1)?.atS ?? -Infinity;
      if (atS < before) fail(time, `goes back in time, from ${before} s to ${atS} s`);
      list.push({ atS, value: value === 0 && plan.zeroIsGap === true ? null : value });
      rows.set(name, list);
    }
  }
  return [...rows].flatMap(([name, list]) => binned(name, list, plan.stepS ?? null, dropped));
}

function secondsOf(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)
    ? Date.parse(`${text.replace(" ", "T")}Z`)
    : NaN;
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** Means over time: each row holds until the next one or, in a sampled series, for its step. */
function binned(
  name: string,
  rows: readonly Row[],
  stepS: number | null,
  dropped: string[],
): readonly Series[] {
  const binS = Math.min(BIN_S_MAX, Math.max(BIN_S_MIN, stepS ?? 0));
  const from = rows[0]?.atS ?? 0;
  const end = (rows.at(-1)?.atS ?? 0) + (stepS ?? 0);
  if (end - from < 10 * DAY_S) {
    dropped.push(
      `${name}: ${((end - from) / DAY_S).toFixed(1)} days are too few for a week and something to judge`,
    );
    return [];
  }
  const firstIndex = Math.ceil(from / binS);
  const count = Math.floor(end / binS) - firstIndex;
  const sums = new Float64Array(count);
  const known = new Float64Array(count);
  for (const [at, { atS, value }] of rows.entries()) {
    const next = rows[at + 1]?.atS ?? end;
    const until = stepS === null ? next : Math.min(next, atS + stepS);
    if (value === null) continue;
    for (let here = atS; here < until;) {
      const bin = Math.floor(here / binS);
      const stop = Math.min(until, (bin + 1) * binS);
      const place = bin - firstIndex;
      if (place >= 0 && place < count) {
        sums[place] = (sums[place] ?? 0) + value * (stop - here);
        known[place] = (known[place] ?? 0) + stop - here;
      }
      here = stop;
    }
  }
  // A bin of which less than half was seen is not known.
  const bins = Array.from(sums, (sum, at) => ((known[at] ?? 0) >= binS / 2 ? sum / (known[at] ?? 1) : null));
  return [{ name, binMinutes: binS / 60, bins, firstIndex }];
}
