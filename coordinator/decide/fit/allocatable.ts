// What the kubelet keeps for itself, for the system and against eviction is not for pods: a request between the
// machine's capacity and what is allocatable fits on paper and never on the node.

import { grossOf, isNative, shortage } from "./amounts.ts";
import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const allocatable: Check = {
  name: "allocatable",
  reads: "amounts",
  refusal: (pod, place) => {
    const { shape } = place;
    if (shape === null) return null;
    const short = shortage(pod.requests, isNative, (name) => grossOf(shape, name));
    if (short === null) return null;
    const { resource, wants, has } = short;
    const capacity = shape.capacity?.[resource] ?? has;
    return { code: "system-reserved", pool: calledPool(place), resource, wants, allocatable: has, capacity };
  },
};
