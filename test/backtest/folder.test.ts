// Tables of a folder are read by the rules of a replay's own: packed or not, and what is wrong is named.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterEach, beforeEach, expect, test } from "vitest";

import { rowsIn } from "./folder.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "folder-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("a packed file is read under its plain name, and quotes hold commas", () => {
  writeFileSync(join(folder, "a.csv.gz"), gzipSync('# where it is from\nid,note,x\nb,"one, two",3\n'));
  const [row] = rowsIn(folder, "a.csv", ["id", "x"]) ?? [];
  expect([row?.text("note"), row?.number("x")]).toEqual(["one, two", 3]);
});

test("a file that is not there is null", () => {
  expect(rowsIn(folder, "a.csv", ["id"])).toBeNull();
});

test.each([
  ["a column that is missing", "id,y\nb,3\n", "a.csv, line 1, x: the header has no such column"],
  ["a row that is cut off", "id,x\nb\n", "a.csv, line 2, x: the row has 1 cells and the header 2"],
])("%s is named by file, line and field", (_, text, expected) => {
  writeFileSync(join(folder, "a.csv"), text);
  expect(() => rowsIn(folder, "a.csv", ["id", "x"])).toThrow(expected);
});
