// Reads a table as CSV has it: a header, a row a line, `#` lines as comments, quotes where a cell holds a comma. It knows
// no column; whoever reads one asks for it by name, and every refusal says the file, the line, the field and the way out.

import { parseInstant } from "../../../shared/model/instant.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";

export interface Table {
  readonly file: string;
  /** Line of the header. */
  readonly line: number;
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly line: number;
  /** Empty where the column is absent or the cell is. */
  text(column: string): string;
  /** Null where the cell is empty. @throws AppError bad-input for what is no finite number. */
  number(column: string): number | null;
  /** @throws AppError bad-input for an empty cell and for a number below `least`. */
  atLeast(column: string, least: number): number;
  /** As milliseconds. @throws AppError bad-input likewise, and for what can be no time since the start of the work. */
  milliseconds(column: string): number;
  /** @throws AppError bad-input for anything but an instant with its time zone. */
  instant(column: string): EpochMs;
  refuse(column: string, why: string): never;
}

/** Some thirty years: what is more was counted from 1970, and a replay of it would never end. */
const MOST_S = 1e9;

/** A table whose header has all of `required`; of `oneOf` at least one of each list. @throws AppError bad-input. */
export function readTable(
  text: string,
  file: string,
  required: readonly string[],
  oneOf: readonly (readonly string[])[] = [],
): Table {
  let header: { readonly line: number; readonly columns: readonly string[] } | null = null;
  const rows: TableRow[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const cells = cellsOf(content, file, line);
    if (header === null) {
      header = { line, columns: cells };
      checkHeader(header, file, required, oneOf);
    } else if (cells.length !== header.columns.length)
      refuseAt(
        file,
        line,
        header.columns[cells.length] ?? "row",
        `the row has ${cells.length} cells and the header ${header.columns.length}; fill or remove cells`,
      );
    else rows.push(rowOf(cells, header.columns, file, line));
  }
  if (header === null)
    return refuseAt(file, 1, "header", `there is no header line; it needs ${required.join(", ")}`);
  if (rows.length === 0) refuseAt(file, header.line, "rows", "there is no row below the header");
  return { file, ...header, rows };
}

/** Columns that nobody asked for, as a sentence; null: there are none. */
export function unreadColumns({ file, columns }: Table, known: readonly string[]): string | null {
  const unread = columns.filter((column) => !known.includes(column));
  return unread.length === 0 ? null : `${file}: columns that were not read: ${unread.join(", ")}.`;
}

export function refuseAt(file: string, line: number, field: string, why: string): never {
  throw new AppError("bad-input", `${file}, line ${line}, ${field}: ${why}`);
}

function checkHeader(
  { line, columns }: { readonly line: number; readonly columns: readonly string[] },
  file: string,
  required: readonly string[],
  oneOf: readonly (readonly string[])[],
): void {
  const twice = columns.find((column, at) => columns.indexOf(column) !== at);
  if (twice !== undefined) refuseAt(file, line, twice, "this column is there twice; rename one");
  for (const column of required)
    if (!columns.includes(column))
      refuseAt(file, line, column, `the header has no such column; it has ${columns.join(", ")}`);
  for (const names of oneOf)
    if (!names.some((name) => columns.includes(name)))
      refuseAt(file, line, names.join(" or "), `the header needs one of them; it has ${columns.join(", ")}`);
}

function cellsOf(content: string, file: string, line: number): readonly string[] {
  if (!content.includes('"')) return content.split(",").map((cell) => cell.trim());
  const cells: string[] = [];
  const cell = /\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(,|$)/y;
  while (cell.lastIndex < content.length) {
    const at = cell.lastIndex;
    const found = cell.exec(content);
    if (found === null)
      return refuseAt(
        file,
        line,
        `column ${cells.length + 1}`,
        `a quote is not closed: ${content.slice(at)}`,
      );
    cells.push((found[1]?.replaceAll('""', '"') ?? found[2] ?? "").trim());
    if (found[3] === "") return cells;
  }
  return [...cells, ""];
}

function rowOf(cells: readonly string[], columns: readonly string[], file: string, line: number): TableRow {
  const text = (column: string): string => cells[columns.indexOf(column)] ?? "";
  const refuse = (column: string, why: string): never => refuseAt(file, line, column, why);
  const number = (column: string): number | null => {
    const written = text(column);
    if (written === "") return null;
    const value = Number(written);
    return Number.isFinite(value)
      ? value
      : refuse(column, `${JSON.stringify(written)} is not a number; write one, or remove the row`);
  };
  const atLeast = (column: string, least: number): number => {
    const value = number(column) ?? refuse(column, "is empty; it needs a number");
    return value < least
      ? refuse(
          column,
          `${value} is ${least === 0 ? "negative" : `less than ${least}`}; correct or remove the row`,
        )
      : value;
  };
  return {
    line,
    text,
    number,
    refuse,
    atLeast,
    milliseconds: (column) => {
      const value = atLeast(column, 0);
      return value < MOST_S
        ? value * 1000
        : refuse(
            column,
            `${value} s are more than thirty years; count seconds from the start of the work, not from 1970`,
          );
    },
    instant: (column) => {
      const written = text(column);
      return (
        parseInstant(written) ??
        refuse(
          column,
          `${JSON.stringify(written)} is no instant with a time zone; write it as 2026-03-02T08:00:00+01:00 or with Z`,
        )
      );
    },
  };
}
