// One order for everything with a name, by code unit: a locale would make a decision depend on its machine, and
// the order of the input must not show in the plan. And of several reasons, each one once.

import type { Reason } from "../../shared/model/reasons.ts";

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first comparison that tells the two apart. */
export function firstDifference(...differences: readonly number[]): number {
  return differences.find((difference) => difference !== 0) ?? 0;
}

/** Each reason once, in order. */
export function distinct(reasons: readonly Reason[]): Reason[] {
  return [...new Map(reasons.map((reason) => [JSON.stringify(reason), reason])).values()];
}
