// What the YAML of a document is meant for, and whether it could be used for that: our own policies by the parser that the
// coordinator ships with. Manifests, values and rules are sent on by test/e2e/documents.test.ts to whoever reads them.

import { parseAllDocuments } from "yaml";

import { parsePolicy } from "../../shared/contract/policy.ts";
import { POLICY } from "../../shared/model/names.ts";
import type { Piece } from "./markdown.ts";

export type Written =
  | { readonly kind: "manifest"; readonly object: Readonly<Record<string, unknown>> }
  | { readonly kind: "values"; readonly values: Readonly<Record<string, unknown>> }
  /** Part of a pod's spec. */
  | { readonly kind: "pod"; readonly spec: Readonly<Record<string, unknown>> }
  | { readonly kind: "scrape" | "rules"; readonly text: string }
  | { readonly kind: "unknown"; readonly why: string };

const POD_FIELDS = new Set(["volumes", "containers", "tolerations", "affinity", "nodeSelector"]);

/** `valueKeys` are the chart's own, at the top. */
export function writtenIn({ text }: Pick<Piece, "text">, valueKeys: ReadonlySet<string>): readonly Written[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document): Written => {
    if (!("toJS" in document)) return { kind: "unknown", why: "is empty" };
    const [error] = document.errors;
    if (error !== undefined) return { kind: "unknown", why: error.message };
    const value: unknown = document.toJS();
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return { kind: "unknown", why: "is no mapping" };
    // What a mapping of YAML becomes.
    const object = value as Readonly<Record<string, unknown>>;
    const keys = Object.keys(object);
    if ("apiVersion" in object && "kind" in object) return { kind: "manifest", object };
    if (keys.every((key) => valueKeys.has(key))) return { kind: "values", values: object };
    if (keys.every((key) => POD_FIELDS.has(key))) return { kind: "pod", spec: object };
    if (keys.length === 1 && "scrape_configs" in object) return { kind: "scrape", text };
    if (keys.length === 1 && "groups" in object) return { kind: "rules", text };
    return { kind: "unknown", why: `nobody knows what ${keys.join(", ")} is for` };
  });
}

/** What the coordinator would say of it; null: it would take it, or it is none of its business. */
export function policyProblem(written: Written): string | null {
  if (written.kind === "manifest" && written.object["kind"] === POLICY.kind) {
    const parsed = parsePolicy(written.object["spec"]);
    return parsed.kind === "valid" ? null : JSON.stringify(parsed);
  }
  if (written.kind !== "values") return null;
  const { policies = {} } = written.values;
  for (const [name, spec] of Object.entries(policies as object)) {
    const parsed = parsePolicy(spec);
    if (parsed.kind !== "valid") return `${name}: ${JSON.stringify(parsed)}`;
  }
  return null;
}
