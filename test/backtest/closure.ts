// The files that a program of this repository consists of: one, and all that it imports by a relative path, and so on. What is
// imported for its types alone is left out, since it is not there when the program runs; packages are left out, too.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** The text of a file; null: there is none. */
export type ReadFile = (path: string) => string | null;

const TYPES_ALONE = /^(?:import|export) type [^"]*"[^"]*"/gm;
/** In any statement, so that an import that is made while the program runs counts as well. */
const NAMED_FILE = /"(\.{1,2}\/[^"\n]+\.(?:ts|json))"/g;

/** Text by path, relative to the entry's folder, in the order of the paths. */
export function codeBehind(entry: string, read: ReadFile = fromDisk): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const text = found.has(path) ? null : read(path);
    if (text === null) continue;
    found.set(path, text);
    const folder = dirname(path);
    const named = path.endsWith(".ts") ? text.replaceAll(TYPES_ALONE, "").matchAll(NAMED_FILE) : [];
    waiting.push(...[...named].map(([, name = ""]) => join(folder, name)));
  }
  const from = dirname(entry);
  return new Map(
    [...found]
      .map(([path, text]) => [relative(from, path), text] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function fromDisk(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}
