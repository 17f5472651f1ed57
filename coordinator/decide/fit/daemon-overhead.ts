// DaemonSet and static pods come with every node, so what they request is never there for others: the last look at
// the amounts, against what is left for workloads on an empty node.

import { shortage } from "./amounts.ts";
import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const daemonOverhead: Check = {
  name: "daemon-overhead",
  reads: "amounts",
  refusal: (pod, place) => {
    const { shape } = place;
    if (shape === null) return null;
    const short = shortage(
      pod.requests,
      () => true,
      (name) => shape.allocatable[name] ?? 0,
    );
    if (short === null) return null;
    const { resource, wants, has } = short;
    const daemons = shape.overhead?.[resource] ?? 0;
    return { code: "daemon-overhead", pool: calledPool(place), resource, wants, nodeHas: has, daemons };
  },
};
