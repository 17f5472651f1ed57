// What a check is: one question whether a pod may run at a place, answered without side effects, with the reason
// when it may not. Which checks there are and in which order they are shown is in index.ts; the order in which the
// packer asks them, cheapest first, is its own business, since all of them have to agree.

import type { Taint } from "../../../shared/model/kube.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { HostPort, PodInput } from "../snapshot-pod.ts";
import type { Topology } from "./topology.ts";

/** A node that is here, coming or to be asked for, as far as a pod meets it. */
export interface Place {
  /** Unique on its board. */
  readonly id: number;
  readonly kind: "node" | "booting" | "new";
  /** What hostname terms see: the node's name; for one that is not here yet a name that no node can have. */
  readonly host: string;
  readonly pool: PoolState | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** What is left of it; what a name does not stand in, it does not have. */
  readonly free: Readonly<Record<string, number>>;
  /** What it was made from; null for a node that is here. */
  readonly shape: NodeShape | null;
  /** Taken on it by pods that are there or planned there. */
  readonly ports: readonly HostPort[];
  /** Volume driver → claims in use on it. */
  readonly volumes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly volumeLimits: Readonly<Record<string, number>>;
}

export interface FitContext {
  readonly topology: Topology;
}

export interface Check {
  readonly name: string;
  /** `static`: depends on the pod's kind and the place's labels, taints and shape alone, so it is asked once for both. */
  readonly depends: "static" | "dynamic";
  admits(pod: PodInput, place: Place, context: FitContext): boolean;
  /** Why not; asked only where `admits` said no. */
  because(pod: PodInput, place: Place, context: FitContext): Reason;
}
