// Reads the tables of a folder of traces: comma-separated, packed with gzip or not, `#` lines as comments. A missing column or
// a cell that is no number is named by file, line and field; a file that is not there is null, since a folder may lack a part.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { AppError } from "../../shared/runtime/errors.ts";

export interface Row {
  text(column: string): string;
  /** Null: the cell is empty. @throws AppError bad-input for what is no number. */
  number(column: string): number | null;
  /** @throws AppError bad-input also for an empty cell, and for a negative number. */
  amount(column: string): number;
  fail(column: string, why: string): never;
}

/** Null: the folder has no such file, packed or not. */
export function readTable(folder: string, file: string): readonly Row[] | null {
  const path = [file, `${file}.gz`].map((name) => join(folder, name)).find(existsSync);
  if (path === undefined) return null;
  const bytes = readFileSync(path);
  const lines = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").split("\n");
  const isData = (line: string): boolean => line.trim() !== "" && !line.startsWith("#");
  const head = lines.findIndex(isData);
  const columns = (lines[head] ?? "").trim().split(",");
  const places = new Map(columns.map((name, at) => [name, at]));
  return lines.flatMap((line, at): readonly Row[] =>
    at <= head || !isData(line) ? [] : [rowOf(line.trim().split(","), places, `${file}, line ${at + 1}`)],
  );
}

function rowOf(cells: readonly string[], places: ReadonlyMap<string, number>, where: string): Row {
  const fail = (column: string, why: string): never => {
    throw new AppError("bad-input", `${where}, ${column}: ${why}`);
  };
  const text = (column: string): string => {
    const at = places.get(column);
    if (at === undefined) return fail(column, `no such column; there are ${[...places.keys()].join(", ")}`);
    return cells[at] ?? fail(column, "the row ends before it");
  };
  const number = (column: string): number | null => {
    const cell = text(column);
    if (cell === "") return null;
    const value = Number(cell);
    return Number.isFinite(value) ? value : fail(column, `${JSON.stringify(cell)} is not a number`);
  };
  return {
    text,
    number,
    amount: (column) => {
      const value = number(column) ?? fail(column, "is empty");
      return value < 0 ? fail(column, `${value} is negative`) : value;
    },
    fail,
  };
}
