// Which policies a pod has waited for long enough: each says how old a pod has to be before it opens a node. Pods that
// look alike may differ in that, so it is part of what makes them alike to the packer.

import type { Fleet } from "../fleet/fleet.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Demand } from "./demand.ts";

export interface Patience {
  /** Pods with the same text may use the same policies. */
  readonly text: string;
  readonly allows: (of: { readonly policy: string }) => boolean;
}

/** Pods that lose their node wait for nobody. */
export function createPatience(fleet: Fleet, demand: Demand): (pod: PodInput) => Patience {
  const needs = new Map(
    fleet.pools.map(({ policy, spec }) => [policy, spec.pendingPodTimeoutSeconds * 1000]),
  );
  const policies = [...needs];
  const known = new Map<string, Patience>();
  const losing = new Set([...demand.replaced.values()].flat());
  return (pod) => {
    const ageMs = losing.has(pod) ? Infinity : demand.waitedMs(pod);
    const open = policies.filter(([, needMs]) => ageMs >= needMs).map(([policy]) => policy);
    const text = open.join();
    const before = known.get(text);
    if (before !== undefined) return before;
    const names = new Set(open);
    const patience = { text, allows: ({ policy }: { readonly policy: string }) => names.has(policy) };
    known.set(text, patience);
    return patience;
  };
}
