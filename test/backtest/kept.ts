// Figures of tasks that were played before, so that a back-test that was broken off goes on where it stood. They lie outside of
// the repository, under a name that follows from the code, the plan, the policy and the traces: with any of them changed, all
// is played anew.

import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

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

/** Of the text of all TypeScript and JSON below these folders, of these files, and of the sizes of what lies in `data`. */
export function fingerprintOf(code: readonly string[], files: readonly string[], data: string): string {
  const hash = createHash("sha256");
  for (const path of [...code.flatMap(filesBelow).filter(isCode), ...files].toSorted())
    hash.update(path).update(readFileSync(path));
  for (const path of filesBelow(data).toSorted()) hash.update(`${path} ${statSync(path).size}`);
  return hash.digest("hex").slice(0, 16);
}

function isCode(path: string): boolean {
  return /\.(ts|json)$/.test(path) && !path.endsWith(".test.ts");
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
