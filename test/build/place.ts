// Places and pods for tests of checks: an empty new node of pool "demo/gpu" with eight GPUs unless the test says
// otherwise, and what the checks need to know of the pods that stand somewhere.

import type { FitContext, Place } from "../../coordinator/decide/fit/check.ts";
import { createKinds } from "../../coordinator/decide/fit/kind.ts";
import type { Namespaces } from "../../coordinator/decide/fit/terms.ts";
import { createTopology } from "../../coordinator/decide/fit/topology.ts";
import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import type { PoolState } from "../../coordinator/decide/fleet/fleet.ts";
import type { NodeShape } from "../../coordinator/decide/snapshot-memory.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import type { Resources } from "../../shared/model/resources.ts";
import { pod } from "./pod.ts";
import { policy, pool } from "./policy.ts";
import { snapshot } from "./snapshot.ts";

export const GIB = 2 ** 30;

export const SIZE: Resources = { cpu: 96_000, memory: 1000 * GIB, pods: 110, "nvidia.com/gpu": 8 };

export type PlaceOptions = Partial<Omit<Place, "shape" | "pool">> &
  Partial<Pick<NodeShape, "allocatable" | "overhead" | "capacity">> & {
    readonly pool?: Partial<PoolState["pool"]>;
    readonly zone?: string;
  };

/** Of a node that is here, `free` is what counts; of all others `allocatable`, of which all is free unless it is said. */
export function place(options: PlaceOptions = {}): Place {
  const { allocatable = SIZE, overhead, capacity, pool: spec, zone, ...rest } = options;
  const kind = rest.kind ?? "new";
  const state = poolState(spec);
  const labels = { ...(zone === undefined ? {} : { [NODE_LABEL.zone]: zone }), ...rest.labels };
  const taints = rest.taints ?? [];
  const shape: NodeShape = {
    allocatable,
    labels,
    taints,
    ...(overhead === undefined ? {} : { overhead }),
    ...(capacity === undefined ? {} : { capacity }),
  };
  return {
    id: 0,
    host: kind === "node" ? "n1" : "new 0",
    free: allocatable,
    ports: [],
    volumes: new Map(),
    volumeLimits: {},
    ...rest,
    kind,
    labels,
    taints,
    pool: kind === "node" ? null : state,
    shape: kind === "node" ? null : shape,
  };
}

export function poolState(spec: Partial<PoolState["pool"]> = {}): PoolState {
  const [state] = assemble(snapshot({ policies: [policy({ pools: [pool("gpu")] })] })).pools;
  if (state === undefined) throw new Error("the policy of this test has no pool");
  return { ...state, pool: { ...state.pool, ...spec } };
}

/** A pod that waits, with what few pods have. */
export function podWith(name: string, fields: Partial<PodInput> = {}): PodInput {
  return { ...pod(name), ...fields };
}

export interface Standing {
  readonly pod: PodInput;
  readonly at: Place;
}

/** What checks know when these pods stand at their places, these places are open, and those pods are asked about. */
export function contextOf(
  about: readonly PodInput[],
  standing: readonly Standing[] = [],
  options: {
    readonly open?: readonly Place[];
    readonly namespaces?: Namespaces;
  } & Partial<FitContext> = {},
): FitContext {
  const { open = [], namespaces, ...rest } = options;
  const kinds = createKinds([...about, ...standing.map((one) => one.pod)], namespaces);
  const topology = createTopology(kinds);
  for (const at of new Set([...open, ...standing.map((one) => one.at)])) topology.open(at);
  for (const one of standing) topology.add(one.pod, one.at);
  return { kinds, topology, ...rest };
}
