// Whether two values say the same, whatever the order of their fields: the API server keeps what it was given and writes it
// in an order of its own. deploy/generate.ts notes the fingerprints of what this version ships in shipped.json.

import { createHash } from "node:crypto";

/** Of the schema of policies, and of the rules of each admission policy with the part of the chart that it belongs to; beside them what Prometheus is asked for. */
export interface Shipped {
  readonly definition: string;
  readonly admission: Readonly<Record<string, { readonly part: string; readonly rules: string }>>;
  /** Series that dashboards and alerts ask for, by the program that serves them, each with a place where it is asked for. */
  readonly queried: Readonly<Record<"agent" | "coordinator", Readonly<Record<string, string>>>>;
}

export function fingerprint(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(value)))
    .digest("hex")
    .slice(0, 32);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  );
}

/** Of an admission policy: what it checks. Who it is for stands elsewhere in it and differs between namespaces. */
export function rulesOf(spec: {
  readonly validations?: readonly { readonly expression: string }[] | undefined;
}): string {
  return fingerprint((spec.validations ?? []).map(({ expression }) => expression));
}
