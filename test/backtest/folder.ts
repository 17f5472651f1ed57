// Reads the tables of a folder of traces by the rules of a replay's own tables, packed with gzip or not. What a cell says wrong
// is named there by file, line and field; a file that is not there is null here, since a folder may lack a part.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { readTable } from "../../coordinator/replay/inputs/csv.ts";
import type { TableRow } from "../../coordinator/replay/inputs/csv.ts";

/** Null: the folder has no such file. @throws AppError bad-input for one that lacks a column or has no rows. */
export function rowsIn(folder: string, file: string, columns: readonly string[]): readonly TableRow[] | null {
  const path = [file, `${file}.gz`].map((name) => join(folder, name)).find(existsSync);
  if (path === undefined) return null;
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return readTable(text, file, columns).rows;
}
