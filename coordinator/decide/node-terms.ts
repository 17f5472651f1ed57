// Required node affinity as the scheduler reads it: one of the terms has to hold, and in it every expression. Node
// selectors are the short form of one such term. Preferences are not here, since they never forbid.

import { holdsFor } from "../../shared/model/label-selector.ts";
import type { NodeExpression, NodeTerm, PodInput } from "./snapshot-pod.ts";

/** A node as these terms see it. The name is null for one that is not here yet. */
export interface NodeMarks {
  readonly name: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Node selector and required node affinity together. */
export function wantsNode(pod: PodInput, node: NodeMarks): boolean {
  for (const key in pod.nodeSelector) if (node.labels[key] !== pod.nodeSelector[key]) return false;
  return pod.nodeTerms === undefined || someTermHolds(pod.nodeTerms, node);
}

/** An empty list holds nowhere, as in Kubernetes. */
export function someTermHolds(terms: readonly NodeTerm[], node: NodeMarks): boolean {
  return terms.some((term) => termHolds(term, node));
}

/** A term that says nothing holds nowhere. */
export function termHolds({ labels, names }: NodeTerm, node: NodeMarks): boolean {
  if (labels.length === 0 && names.length === 0) return false;
  return (
    labels.every((expression) => holds(expression, node.labels[expression.key])) &&
    names.every((expression) => holds(expression, node.name ?? undefined))
  );
}

/** Where the label is absent, NotIn and DoesNotExist hold and all others do not. */
export function holds({ operator, values }: NodeExpression, value: string | undefined): boolean {
  if (operator !== "Gt" && operator !== "Lt") return holdsFor(operator, values, value) ?? false;
  const has = wholeNumber(value);
  const bound = values.length === 1 ? wholeNumber(values[0]) : null;
  if (has === null || bound === null) return false;
  return operator === "Gt" ? has > bound : has < bound;
}

/** As Go's ParseInt reads 64 bits in base 10: no blanks, no fraction; null for anything else. */
function wholeNumber(text: string | undefined): bigint | null {
  if (text === undefined || !/^[+-]?\d{1,19}$/.test(text)) return null;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : null;
}

/** Short and readable, for a reason: `zone in (a, b) and gpu exists`. */
export function describeTerms(terms: readonly NodeTerm[]): string {
  if (terms.length === 0) return "no term at all";
  const texts = terms.map(
    ({ labels, names }) =>
      [
        ...labels.map(describe),
        ...names.map((expression) => describe({ ...expression, key: "metadata.name" })),
      ].join(" and ") || "a term that says nothing",
  );
  return shorten(texts.join(" or "));
}

const LONGEST_TEXT = 300;

function shorten(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}

const SAID: Readonly<Record<NodeExpression["operator"], string>> = {
  In: "in",
  NotIn: "not in",
  Exists: "exists",
  DoesNotExist: "does not exist",
  Gt: ">",
  Lt: "<",
};

function describe({ key, operator, values }: NodeExpression): string {
  const said = SAID[operator];
  if (operator === "Exists" || operator === "DoesNotExist") return `${key} ${said}`;
  if (operator === "Gt" || operator === "Lt") return `${key} ${said} ${values.join(", ")}`;
  return `${key} ${said} (${values.join(", ")})`;
}
