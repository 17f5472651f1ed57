// AutoscalingPolicy objects from a file of YAML or JSON, as users apply them. Each is parsed by the same rules as in a
// cluster, with all its problems at once; a document of another kind is refused, since it would be left out unseen.

import { parseAllDocuments } from "yaml";

import { parsePolicy } from "../../../shared/contract/policy.ts";
import type { PolicySpec } from "../../../shared/contract/policy.ts";
import { POLICY } from "../../../shared/model/names.ts";
import { AppError } from "../../../shared/runtime/errors.ts";

export interface PolicyRead {
  readonly file: string;
  readonly name: string;
  /** As it is written: what it leaves out is filled in where it is decided. */
  readonly written: Readonly<Record<string, unknown>>;
  readonly spec: PolicySpec;
}

/** At least one. @throws AppError bad-input with file, line or field, value and way out. */
export function readPolicies(text: string, file: string): readonly PolicyRead[] {
  const policies: PolicyRead[] = [];
  for (const document of parseAllDocuments(text, { uniqueKeys: true })) {
    if (!("toJS" in document)) break;
    const [error] = document.errors;
    if (error !== undefined)
      throw new AppError("bad-input", `${file}, line ${error.linePos?.[0].line ?? "?"}: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null) continue;
    policies.push(policyOf(value, file));
  }
  if (policies.length === 0) throw new AppError("bad-input", `${file} has no policy; write a ${POLICY.kind}`);
  const twice = policies.find(({ name }, at) => policies.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined)
    throw new AppError("bad-input", `${file}, metadata.name: ${twice.name} is there twice; rename one`);
  return policies;
}

function policyOf(value: unknown, file: string): PolicyRead {
  const { apiVersion, kind, metadata, spec } = objectOf(value);
  if (kind !== POLICY.kind || apiVersion !== POLICY.apiVersion)
    throw new AppError(
      "bad-input",
      `${file}, kind: ${text(apiVersion)} ${text(kind)} is no policy; write apiVersion: ${POLICY.apiVersion} and kind: ${POLICY.kind}`,
    );
  const { name } = objectOf(metadata);
  if (typeof name !== "string" || name === "")
    throw new AppError("bad-input", `${file}, metadata.name: ${text(name)} is no name; give the policy one`);
  const parsed = parsePolicy(spec);
  if (parsed.kind === "invalid")
    throw new AppError("bad-input", `${file}, policy ${name}:\n  ${parsed.problems.join("\n  ")}`);
  return { file, name, written: objectOf(spec), spec: parsed.spec };
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

/** Empty for what is none: its fields are then missing, and said to be. */
function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
