// Jobs from a CSV: when each arrives, how long it runs, how many GPUs it wants. A row that is wrongly written stops the
// reading; a row that cannot be played (no run time known, no GPU) is left out and counted. Kinds of GPU stay the file's
// own words here; which pools they mean is asked when the policy is known.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { JobModel } from "../scenario.ts";
import { readTable, unreadColumns } from "./csv.ts";
import type { TableRow } from "./csv.ts";
import { createDrops } from "./dropped.ts";
import type { Dropped } from "./dropped.ts";

const KNOWN = [
  "job_id",
  "arrival_s",
  "arrival",
  "duration_s",
  "gpus",
  "workers",
  "gang",
  "gpu_types",
  "gpu_type",
  "gpu_milli",
  "cpu",
  "cpu_milli",
  "memory",
  "memory_mib",
];

export interface JobRow extends Omit<JobModel, "gpuTypes"> {
  readonly line: number;
  /** As the file writes them; empty: any. */
  readonly kinds: readonly string[];
}

export interface JobsRead {
  readonly file: string;
  readonly jobs: readonly JobRow[];
  /** Wall clock of instant 0, where the file has instants; null: the file counts seconds. */
  readonly start: EpochMs | null;
  /** Up to the last arrival. */
  readonly spanMs: Millis;
  readonly dropped: readonly Dropped[];
  readonly notes: readonly string[];
}

/** @throws AppError bad-input with file, line, field and way out. */
export function readJobs(text: string, file: string): JobsRead {
  const table = readTable(text, file, ["job_id", "duration_s", "gpus"], [["arrival_s", "arrival"]]);
  const drops = createDrops(file);
  const isDated = !table.columns.includes("arrival_s");
  const [first] = table.rows;
  const start = isDated && first !== undefined ? first.instant("arrival") : null;
  const seen = new Map<string, number>();
  const jobs: JobRow[] = [];
  let shares = 0;
  let before = 0;
  for (const row of table.rows) {
    const id = row.text("job_id");
    if (id === "") row.refuse("job_id", "is empty; give each job a name of its own");
    const earlier = seen.get(id);
    if (earlier !== undefined) row.refuse("job_id", `${id} stands already on line ${earlier}; rename one`);
    seen.set(id, row.line);
    const column = start === null ? "arrival_s" : "arrival";
    const arrivalMs = start === null ? row.milliseconds(column) : row.instant(column) - start;
    if (arrivalMs < before)
      row.refuse(column, `${row.text(column)} comes before the row above it; sort the rows by arrival`);
    before = arrivalMs;
    if (row.text("duration_s") === "") {
      drops.drop(row.line, "no run time is known (duration_s is empty)");
      continue;
    }
    const durationMs = row.milliseconds("duration_s");
    const gpus = row.atLeast("gpus", 0);
    if (!Number.isInteger(gpus))
      row.refuse("gpus", `${gpus} is not a whole number; write 1 for a share of a GPU`);
    if (gpus === 0) {
      drops.drop(row.line, "it asks for no GPU");
      continue;
    }
    const milli = row.number("gpu_milli");
    if (milli !== null && milli > 0 && milli < 1000) shares += 1;
    jobs.push({
      id,
      line: row.line,
      arrivalMs,
      durationMs,
      gpus,
      kinds: kindsOf(row),
      ...shapeOf(row, gpus),
    });
  }
  const unread = unreadColumns(table, KNOWN);
  return {
    file,
    jobs,
    start,
    spanMs: millis(before),
    dropped: drops.list(),
    notes: [
      ...(unread === null ? [] : [unread]),
      ...(shares === 0 ? [] : [`${file}: ${shares} jobs ask for a share of one GPU and get a whole one.`]),
    ],
  };
}

export function kindsOf(row: TableRow): readonly string[] {
  const written = row.text("gpu_types") === "" ? row.text("gpu_type") : row.text("gpu_types");
  return written
    .split("|")
    .map((kind) => kind.trim())
    .filter((kind) => kind !== "");
}

function shapeOf(row: TableRow, gpus: number): Partial<JobModel> {
  const workers = row.number("workers");
  if (workers !== null && (!Number.isInteger(workers) || workers < 1 || gpus % workers !== 0))
    row.refuse("workers", `${gpus} GPUs cannot be shared evenly by ${workers} workers; correct one of them`);
  const gang = row.text("gang");
  if (!["", "true", "false"].includes(gang)) row.refuse("gang", `${gang} is neither true nor false`);
  const cpu = resourceOf(row, "cpu", "cpu_milli", "m");
  const memory = resourceOf(row, "memory", "memory_mib", "Mi");
  return {
    ...(workers === null ? {} : { workers }),
    ...(gang === "" ? {} : { gang: gang === "true" }),
    ...(cpu === null ? {} : { cpu }),
    ...(memory === null ? {} : { memory }),
  };
}

/** A quantity as Kubernetes writes it, or a plain number of a unit that the column's name says. */
function resourceOf(row: TableRow, quantity: string, plain: string, unit: string): string | null {
  const written = row.text(quantity);
  if (written !== "") {
    if (!/^\d+(\.\d+)?(m|[kMGT]i?)?$/.test(written))
      row.refuse(quantity, `${written} is no quantity of Kubernetes, such as 4, 500m or 16Gi`);
    return written;
  }
  return row.text(plain) === "" ? null : `${row.atLeast(plain, 0)}${unit}`;
}
