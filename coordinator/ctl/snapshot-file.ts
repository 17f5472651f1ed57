// A snapshot from a file, from stdin or from the coordinator, as far as it has to be looked at before it is decided
// upon: that it is one at all. What may be wrong or missing inside is the decision's own business, which takes nothing
// on trust.

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import type { Snapshot } from "../decide/snapshot.ts";

/** @throws AppError bad-input when there is no such file. */
export async function readSource(file: string): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError("bad-input", `cannot read the snapshot ${file}: ${describe(cause)}`, { cause });
  }
}

/** @throws AppError bad-input when it is no snapshot. `name` says where it is from. */
export function snapshotFromText(json: string, name: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new AppError("bad-input", `${name} is no JSON: ${describe(cause)}`, { cause });
  }
  return snapshotFrom(value, name);
}

export function snapshotFrom(value: unknown, name: string): Snapshot {
  const refused = (why: string): AppError =>
    new AppError(
      "bad-input",
      `${name} is no snapshot: ${why}; one comes from the coordinator's page /snapshot`,
    );
  if (typeof value !== "object" || value === null) throw refused("it is no object");
  const fields = value as Partial<Record<keyof Snapshot, unknown>>;
  if (fields.v !== 1) throw refused(`its version v is ${JSON.stringify(fields.v) ?? "missing"}, known is 1`);
  const lists = ["policies", "nodes", "pods", "budgets", "notices"] as const;
  const missing = lists.filter((list) => !Array.isArray(fields[list]));
  if (missing.length > 0) throw refused(`it has no list ${missing.join(", ")}`);
  if (typeof fields.sync !== "object" || fields.sync === null) throw refused("it has no sync");
  return value as Snapshot;
}
