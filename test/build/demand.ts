// What of a snapshot counts as demand, worked out as a decision does it, for tests that ask no more than that.

import { createFeasibility } from "../../coordinator/decide/fit/feasible.ts";
import { createKinds } from "../../coordinator/decide/fit/kind.ts";
import { createTopology } from "../../coordinator/decide/fit/topology.ts";
import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import { demandOf } from "../../coordinator/decide/pack/demand.ts";
import type { Demand, DemandContext } from "../../coordinator/decide/pack/demand.ts";
import { snapshot } from "./snapshot.ts";
import type { SnapshotOptions } from "./snapshot.ts";

export function demand(options: SnapshotOptions, context: DemandContext = {}): Demand {
  const input = snapshot(options);
  const fleet = assemble(input);
  const kinds = createKinds(input.pods);
  const feasible = createFeasibility(fleet.pools, { kinds, topology: createTopology(kinds) });
  return demandOf(fleet, input.pods, feasible, context);
}

/** Names without the namespace, in order. */
export function names(pods: Iterable<{ readonly key: string }> | undefined): readonly string[] {
  return [...(pods ?? [])].map(({ key }) => key.slice(key.indexOf("/") + 1));
}

export function refusals(found: Demand): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    found.refused.map(({ pod, because }) => [
      pod.slice(pod.indexOf("/") + 1),
      because.map(({ code }) => code),
    ]),
  );
}
