// How a place is called and in which domain it lies, and what an empty new node of a pool is as a place. Which places
// there are is the board's business.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { Place } from "./check.ts";

const NO_VOLUMES: ReadonlyMap<string, ReadonlySet<string>> = new Map();

/** One more node of the pool, with nothing on it; null where nobody knows what it would offer. */
export function newPlace(pool: PoolState, id: number, host = `new node of ${pool.id}`): Place | null {
  return pool.shape === null ? null : placeOf(pool, pool.shape, id, host);
}

function placeOf(pool: PoolState, shape: NodeShape, id: number, host: string): Place {
  return {
    id,
    kind: "new",
    host,
    pool,
    labels: shape.labels,
    taints: shape.taints,
    free: shape.allocatable,
    shape,
    ports: [],
    volumes: NO_VOLUMES,
    volumeLimits: shape.volumeLimits ?? {},
  };
}

/** What a reason calls it: a node that is here by its name, all others by their pool. */
export function calledPool(place: Place): string {
  return place.kind === "node" || place.pool === null ? place.host : place.pool.id;
}

/** The name that `metadata.name` expressions see; null for a node that is not here yet. */
export function nodeName(place: Place): string | null {
  return place.kind === "node" ? place.host : null;
}

/** Null: the place has no such label, so it is in no domain. */
export function domainOf(place: Place, topologyKey: string): string | null {
  const value = place.labels[topologyKey];
  if (value !== undefined) return value;
  return topologyKey === NODE_LABEL.hostname ? place.host : null;
}
