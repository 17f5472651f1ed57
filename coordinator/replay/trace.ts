// Reads a workload trace: one job a line with `job_id, arrival_s, duration_s, gpus`, in any order of columns,
// with `#` lines as comments. A bad row stops the reading and is named by line and field: a trace that is
// silently short would make every figure that is drawn from it wrong.

import { AppError } from "../../shared/runtime/errors.ts";

export interface TraceJob {
  readonly id: string;
  /** Since the first moment of the trace. */
  readonly arrivalS: number;
  readonly durationS: number;
  readonly gpus: number;
}

const COLUMNS = ["job_id", "arrival_s", "duration_s", "gpus"] as const;
type Column = (typeof COLUMNS)[number];

/**
 * Jobs in order of arrival. @throws AppError `bad-input` that names `name`, the line and the field, for a
 * missing column, a number that is none, a negative time, a GPU count that is not whole, or a repeated id.
 */
export function parseJobTrace(text: string, name: string): readonly TraceJob[] {
  const fail = (line: number, field: string, why: string): never => {
    throw new AppError("bad-input", `${name}, line ${line}, ${field}: ${why}`);
  };

  let places: Readonly<Record<Column, number>> | null = null;
  const jobs: TraceJob[] = [];
  const seen = new Map<string, number>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const row = raw.trim();
    if (row === "" || row.startsWith("#")) continue;
    const cells = row.split(",").map((cell) => cell.trim());
    if (places === null) {
      places = readHeader(cells, (field, why) => fail(line, field, why));
      continue;
    }
    const cell = (column: Column): string =>
      cells[places?.[column] ?? -1] ?? fail(line, column, "the row ends before this field");
    const number = (column: Column): number => {
      const value = Number(cell(column));
      if (cell(column) === "" || !Number.isFinite(value))
        return fail(line, column, `${JSON.stringify(cell(column))} is not a number`);
      return value < 0 ? fail(line, column, `${value} is negative`) : value;
    };
    const id = cell("job_id");
    if (id === "") fail(line, "job_id", "is empty");
    const earlier = seen.get(id);
    if (earlier !== undefined) fail(line, "job_id", `${id} stands already on line ${earlier}`);
    seen.set(id, line);
    const gpus = number("gpus");
    if (!Number.isInteger(gpus) || gpus === 0)
      fail(line, "gpus", `${gpus} is not a whole number of at least 1; leave jobs without GPUs out`);
    jobs.push({ id, arrivalS: number("arrival_s"), durationS: number("duration_s"), gpus });
  }
  if (places === null) fail(1, "header", `no header line with ${COLUMNS.join(", ")}`);
  if (jobs.length === 0) fail(1, "rows", "the trace has no job");
  return jobs.toSorted((a, b) => a.arrivalS - b.arrivalS || (a.id < b.id ? -1 : 1));
}

function readHeader(
  cells: readonly string[],
  fail: (field: string, why: string) => never,
): Readonly<Record<Column, number>> {
  const place = (column: Column): number => {
    const at = cells.indexOf(column);
    return at >= 0 ? at : fail(column, `the header has no such column; it has ${cells.join(", ")}`);
  };
  return {
    job_id: place("job_id"),
    arrival_s: place("arrival_s"),
    duration_s: place("duration_s"),
    gpus: place("gpus"),
  };
}
