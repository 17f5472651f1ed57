// Kubernetes label selectors, with the server's meaning for what is absent.

import type { LabelSelector } from "../../shared/model/kube.ts";

/** An absent selector matches nothing, an empty one everything, as in policy/v1. */
export function selects(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined) return false;
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels?.[key] === value);
  return equal && (selector.matchExpressions ?? []).every((expression) => holds(expression, labels));
}

type Expression = NonNullable<LabelSelector["matchExpressions"]>[number];

function holds(
  { key, operator, values = [] }: Expression,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const value = labels?.[key];
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
      // An operator that this version does not know: taken as matching, since a budget that is held too wide costs
      // a removal, and one that is missed costs a workload.
      operator satisfies never;
      return true;
  }
}
