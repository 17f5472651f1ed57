// Required affinity to other pods, as the scheduler counts it: pods that meet all of the terms together, in the domain
// of each. The first of a group that looks for its own kind is let through where nobody is there yet. A node without
// the label is in no domain and refused.

import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";
import { describeTerm } from "./terms.ts";

export const podAffinity: Check = {
  name: "pod-affinity",
  reads: "pods",
  refusal: (pod, place, { kinds, topology }) => {
    if (pod.podAffinity === undefined || pod.podAffinity.length === 0) return null;
    const topologyKey = topology.unmetAffinity(kinds.of(pod), place);
    const term = pod.podAffinity.find((other) => other.topologyKey === topologyKey);
    return term === undefined
      ? null
      : { code: "pod-affinity", pool: calledPool(place), term: describeTerm(term) };
  },
};
