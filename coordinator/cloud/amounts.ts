// Amounts of resources as operators write them in tags and templates, each read by itself: one that nobody can read costs
// the others nothing. What an amount means for a node is the reader's business.

import { parseResources } from "../../shared/model/resources.ts";
import type { Resources } from "../../shared/model/resources.ts";
import { describe } from "../../shared/runtime/errors.ts";

/** `onProblem`: of what cannot be read, and why, in words. */
export function amountsIn(
  written: Iterable<readonly [name: string, amount: string]>,
  onProblem: (name: string, amount: string, why: string) => void,
): Resources {
  const amounts: Record<string, number> = {};
  for (const [name, amount] of written) {
    try {
      Object.assign(amounts, parseResources({ [name]: amount }));
    } catch (error) {
      onProblem(name, amount, describe(error));
    }
  }
  return amounts;
}
