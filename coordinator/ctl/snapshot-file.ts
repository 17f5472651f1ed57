// A snapshot from a file, from stdin or from the coordinator, as far as it has to be looked at before it is decided
// upon: that it is one at all, and that its policies have every field that this version knows. What else may be wrong
// with it is the decision's own business, which takes nothing on trust.

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { parsePolicy } from "../../shared/contract/policy.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";

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
  // Fields beyond these are checked where they are used: a snapshot in a file is as little trusted as any other.
  const fields = value as Partial<Record<keyof Snapshot, unknown>>;
  if (fields.v !== 1) throw refused(`its version v is ${JSON.stringify(fields.v) ?? "missing"}, known is 1`);
  const lists = ["policies", "nodes", "pods", "budgets", "notices"] as const;
  const missing = lists.filter((list) => !Array.isArray(fields[list]));
  if (missing.length > 0) throw refused(`it has no list ${missing.join(", ")}`);
  if (typeof fields.sync !== "object" || fields.sync === null) throw refused("it has no sync");
  const snapshot = value as Snapshot;
  return {
    ...snapshot,
    policies: snapshot.policies.map(withDefaults),
    memory: fields.memory === undefined ? EMPTY_MEMORY : snapshot.memory,
  };
}

/** An older snapshot has an older spec: what has come since gets its default, and what is wrong is said. */
function withDefaults(policy: PolicyInput): PolicyInput {
  if (policy.kind === "invalid") return policy;
  const parsed = parsePolicy(policy.spec);
  return parsed.kind === "valid"
    ? { ...policy, spec: parsed.spec }
    : {
        kind: "invalid",
        name: policy.name,
        problems: parsed.problems,
        pools: policy.pools.map(({ name }) => name),
      };
}
