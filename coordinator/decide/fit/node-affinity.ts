// Required node affinity: one of the terms has to hold. A new node has no name yet and, in a pool of several zones, no
// zone either, so terms that ask for one do not hold there.

import { describeTerms, someTermHolds } from "../node-terms.ts";
import type { Check } from "./check.ts";
import { calledPool, nodeName } from "./place.ts";

export const nodeAffinity: Check = {
  name: "node-affinity",
  reads: "marks",
  refusal: ({ nodeTerms }, place) => {
    if (nodeTerms === undefined) return null;
    if (someTermHolds(nodeTerms, { name: nodeName(place), labels: place.labels })) return null;
    return { code: "affinity-mismatch", pool: calledPool(place), term: describeTerms(nodeTerms) };
  },
};
