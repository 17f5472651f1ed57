// Constraints that forbid an uneven spread (DoNotSchedule): how many more of the selected pods the domain may have,
// the pod itself among them if it is selected, than the emptiest domain that counts. The domain of a new node counts
// from the moment that the node is planned.

import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const topologySpread: Check = {
  name: "topology-spread",
  reads: "pods",
  refusal: (pod, place, { kinds, topology }) => {
    if (pod.spread === undefined || pod.spread.length === 0) return null;
    const uneven = topology.unevenness(kinds.of(pod), place);
    if (uneven === null) return null;
    const { topologyKey: key, domain, skew, maxSkew } = uneven;
    return {
      code: "topology-spread",
      pool: calledPool(place),
      key,
      domain: domain ?? "",
      skew,
      maxSkew,
    };
  },
};
