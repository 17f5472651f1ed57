// Kubernetes label selectors, with the server's meaning for what is absent. What a selector is applied to, pods or
// namespaces or machines, is the caller's business.

import type { LabelSelector } from "./kube.ts";

/** An absent selector matches nothing, an empty one everything, as in policy/v1. */
export function selects(
  selector: LabelSelector | null | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined || selector === null) return false;
  const { matchLabels, matchExpressions } = selector;
  for (const key in matchLabels) if (labels?.[key] !== matchLabels[key]) return false;
  return matchExpressions === undefined || matchExpressions.every((expression) => holds(expression, labels));
}

/** Keys of the labels that the selector asks about. */
export function selectorKeys(selector: LabelSelector | null): readonly string[] {
  if (selector === null) return [];
  return [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map(({ key }) => key),
  ];
}

/** Short and readable: `app=web, tier in (a, b)`. */
export function describeSelector(selector: LabelSelector | null): string {
  if (selector === null) return "nothing";
  const parts = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(selector.matchExpressions ?? []).map(describeExpression),
  ];
  return parts.length === 0 ? "everything" : parts.join(", ");
}

function describeExpression({ key, operator, values = [] }: Expression): string {
  if (operator === "Exists") return `${key} exists`;
  if (operator === "DoesNotExist") return `${key} does not exist`;
  return `${key} ${operator === "In" ? "in" : "not in"} (${values.join(", ")})`;
}

type Expression = NonNullable<LabelSelector["matchExpressions"]>[number];

function holds(
  { key, operator, values = [] }: Expression,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  // An operator that this version does not know: taken as matching, since a budget that is held too wide costs
  // a removal, and one that is missed costs a workload.
  return holdsFor(operator, values, labels?.[key]) ?? true;
}

/** What selectors of pods and of nodes have in common; null for an operator that this version does not know. */
export function holdsFor(
  operator: Expression["operator"],
  values: readonly string[],
  value: string | undefined,
): boolean | null {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      // A missing label is not in the list, so it passes.
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      operator satisfies never;
      return null;
  }
}
