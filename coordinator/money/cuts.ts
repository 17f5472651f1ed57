// By what money is told in the live product: pool, tier, state, namespace, and labels of pods that an operator chose. A
// share of a machine that nobody holds has a name of its own, so that each cut sums to all that was spent.

import type { Charge } from "./charge.ts";
import { NODE_CUTS } from "./ledger.ts";
import type { Cuts } from "./ledger.ts";

export const NOBODY = "(nobody)";
/** Held by a pod that lacks the label. */
export const WITHOUT = "(none)";
export const LABEL_CUT = "label:";

export function liveCuts(labels: readonly string[]): Cuts {
  return {
    ...NODE_CUTS,
    namespace: ({ holder }) => holder?.namespace ?? NOBODY,
    ...Object.fromEntries(labels.map((label) => [`${LABEL_CUT}${label}`, byLabel(label)])),
  };
}

export function byLabel(label: string): (charge: Charge) => string {
  return ({ holder }) => {
    if (holder === undefined) return NOBODY;
    // Names come from people: "constructor" is no label.
    return (Object.hasOwn(holder.labels, label) ? holder.labels[label] : undefined) ?? WITHOUT;
  };
}
