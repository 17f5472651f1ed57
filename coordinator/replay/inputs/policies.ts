// AutoscalingPolicy objects from a file of YAML or JSON, as users apply them. Each is parsed by the same rules as in a
// cluster, with all its problems at once; a document of another kind is refused, since it would be left out unseen.

import { parseAllDocuments } from "yaml";
import type { Document } from "yaml";

import { parsePolicy } from "../../../shared/contract/policy.ts";
import type { PolicySpec } from "../../../shared/contract/policy.ts";
import { POLICY } from "../../../shared/model/names.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { scheduleProblems } from "../../decide/limits/schedule-check.ts";
import { lineOf } from "./yaml-line.ts";

export interface PolicyRead {
  readonly file: string;
  readonly name: string;
  /** As it is written: what it leaves out is filled in where it is decided. */
  readonly written: Readonly<Record<string, unknown>>;
  readonly spec: PolicySpec;
  /** On which line each of its pools begins. */
  readonly poolLines: readonly number[];
}

/** At least one. @throws AppError bad-input with file, line, field, value and way out. */
export function readPolicies(text: string, file: string): readonly PolicyRead[] {
  const policies: PolicyRead[] = [];
  for (const document of parseAllDocuments(text, { uniqueKeys: true })) {
    if (!("toJS" in document)) break;
    const [error] = document.errors;
    if (error !== undefined)
      throw new AppError("bad-input", `${file}, line ${error.linePos?.[0].line ?? "?"}: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null) continue;
    const read = policyOf(value, file, (path) => lineOf(document, path, text) ?? firstLine(document, text));
    if (policies.some(({ name }) => name === read.policy.name))
      throw new AppError(
        "bad-input",
        `${file}, line ${read.nameLine}, metadata.name: ${read.policy.name} is there twice; rename one`,
      );
    policies.push(read.policy);
  }
  if (policies.length === 0) throw new AppError("bad-input", `${file} has no policy; write a ${POLICY.kind}`);
  return policies;
}

type LineOf = (path: readonly PropertyKey[]) => number;

function policyOf(
  value: unknown,
  file: string,
  line: LineOf,
): { readonly policy: PolicyRead; readonly nameLine: number } {
  const { apiVersion, kind, metadata, spec } = objectOf(value);
  if (kind !== POLICY.kind || apiVersion !== POLICY.apiVersion)
    throw new AppError(
      "bad-input",
      `${file}, line ${line(["kind"])}, kind: ${text(apiVersion)} ${text(kind)} is no policy; write apiVersion: ${POLICY.apiVersion} and kind: ${POLICY.kind}`,
    );
  const { name } = objectOf(metadata);
  const nameLine = line(["metadata", "name"]);
  if (typeof name !== "string" || name === "")
    throw new AppError(
      "bad-input",
      `${file}, line ${nameLine}, metadata.name: ${text(name)} is no name; give the policy one`,
    );
  const parsed = parsePolicy(spec);
  const problems = parsed.kind === "invalid" ? parsed.problems : scheduleProblems(parsed.spec);
  if (parsed.kind === "invalid" || problems.length > 0)
    throw new AppError(
      "bad-input",
      `${file}, policy ${name}:\n${problems.map((problem) => `  line ${line(pathIn(problem))}, ${problem}`).join("\n")}`,
    );
  const poolLines = parsed.spec.nodePools.map((_, at) => line(["spec", "nodePools", at]));
  return { policy: { file, name, written: objectOf(spec), spec: parsed.spec, poolLines }, nameLine };
}

/** A problem begins with its field: `spec.nodePools.0.maxSize: …`. */
function pathIn(problem: string): readonly string[] {
  return (/^[^:\s]+/.exec(problem)?.[0] ?? "").split(".");
}

/** Of a document in which not even the field's beginnings are. */
function firstLine({ contents }: Document, whole: string): number {
  return whole.slice(0, contents?.range?.[0] ?? 0).split("\n").length;
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

/** Empty for what is none: its fields are then missing, and said to be. */
function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
