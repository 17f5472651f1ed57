// Figures of tasks that were played before, so that a back-test that was broken off goes on where it stood. They lie outside of
// the repository, in a file whose name follows from what every result follows from; the rest is in each task's own name. The
// packages that the code stands on are left out of it: after an update of one, take another --cache.

import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

import { codeBehind } from "./closure.ts";
import type { ReadFile } from "./closure.ts";
import type { PolicyPattern } from "./policies.ts";
import type { Result, Task } from "./tasks.ts";
import { nameOf } from "./tasks.ts";

export interface Kept {
  readonly path: string;
  of(task: Task): Result | null;
  put(task: Task, result: Result): void;
}

export function openKept(folder: string, fingerprint: string): Kept {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${fingerprint}.jsonl`);
  const results = new Map<string, Result>();
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  for (const line of lines) {
    const entry = readEntry(line);
    if (entry !== null) results.set(entry.task, entry.result);
  }
  return {
    path,
    of: (task) => results.get(nameOf(task)) ?? null,
    put: (task, result) => {
      results.set(nameOf(task), result);
      appendFileSync(path, `${JSON.stringify({ task: nameOf(task), result })}\n`);
    },
  };
}

/** Null for a line that was cut off while it was written. */
function readEntry(line: string): { readonly task: string; readonly result: Result } | null {
  try {
    return line === "" ? null : (JSON.parse(line) as { readonly task: string; readonly result: Result });
  } catch {
    return null;
  }
}

export interface Sources {
  /** The file that the threads begin with; what it imports is part of it. */
  readonly entry: string;
  readonly pattern: PolicyPattern;
  /** A folder of traces, by the names and sizes of its files: to read them all would take longer than it is worth. */
  readonly data: string;
}

/** Of the code that a result follows from, the policy and the traces. */
export function fingerprintOf({ entry, pattern, data }: Sources, read?: ReadFile): string {
  const hash = createHash("sha256").update(JSON.stringify(pattern));
  for (const [path, text] of codeBehind(entry, read)) hash.update(`${path}\n${text}\n`);
  for (const path of filesBelow(data).toSorted())
    hash.update(`${relative(data, path)} ${statSync(path).size}\n`);
  return hash.digest("hex").slice(0, 16);
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
