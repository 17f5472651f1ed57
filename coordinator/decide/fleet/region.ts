// In which region a pool's machines run, as far as its policy or its nodes say: prices and interruptions are by region.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { regionOfZone } from "../../../shared/model/zones.ts";
import type { PoolState } from "./fleet.ts";

export type Region =
  | { readonly kind: "known"; readonly region: string }
  | { readonly kind: "unknown"; readonly because: string };

/** As the policy says, else as its zones tell, else as a real node of the pool is labelled, else where its group is. */
export function regionOf({ pool, spec, shape }: PoolState): Region {
  if (pool.region !== undefined) return { kind: "known", region: pool.region };
  const told = pool.availabilityZones.map((zone) => regionOfZone(spec.provider, zone));
  const [first, second] = [...new Set(told.filter((region) => region !== null))].toSorted();
  if (first !== undefined && second !== undefined)
    return {
      kind: "unknown",
      because: `its availabilityZones lie in ${first} and ${second}: make a pool for each region`,
    };
  const region =
    first ?? regionOfLabels(spec.provider, shape?.labels ?? {}) ?? pool.group?.aws?.region ?? null;
  return region === null
    ? { kind: "unknown", because: "its region is not known: set nodePools[].region" }
    : { kind: "known", region };
}

/** Where a node says that it runs; null: it does not. */
export function regionOfLabels(provider: string, labels: Readonly<Record<string, string>>): string | null {
  return labels[NODE_LABEL.region] ?? regionOfZone(provider, labels[NODE_LABEL.zone] ?? "");
}
