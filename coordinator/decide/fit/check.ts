// What a check is: one question whether a pod may run at a place, answered without side effects by the reason why it
// may not. Which checks there are and in which order they are shown is in index.ts; how the packer asks the same
// cheaply is in verdicts.ts, since all of them have to agree.

import type { Taint } from "../../../shared/model/kube.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { HostPort, PodInput } from "../snapshot-pod.ts";
import type { Kinds } from "./kind.ts";
import type { Topology } from "./topology.ts";

/** A node that is here, coming or to be asked for, as far as a pod meets it. */
export interface Place {
  /** Unique on its board. */
  readonly id: number;
  readonly kind: "node" | "booting" | "new";
  /** What hostname terms see: the node's name; for one that is not here yet a name that no node can have. */
  readonly host: string;
  readonly pool: PoolState | null;
  /** Another object when they change, since what was found out about them is remembered by it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** What is left of it; what a name does not stand in, it does not have. */
  readonly free: Readonly<Record<string, number>>;
  /** What it was made from; null for a node that is here. */
  readonly shape: NodeShape | null;
  /** Taken on it by pods that are there or planned there. */
  readonly ports: readonly HostPort[];
  /** Volume driver → claims in use on it, each with its namespace (`claimsOf`). */
  readonly volumes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly volumeLimits: Readonly<Record<string, number>>;
}

export interface FitContext {
  readonly kinds: Kinds;
  readonly topology: Topology;

  // What other parts of the decision know, for the whole list of an explanation. Absent: not asked here.
  /** Why no more nodes of the pool may be asked for. */
  readonly limitOf?: (pool: PoolState) => Reason | null;
  /** Why nothing is asked of the pool now: what failed there. */
  readonly healthOf?: (pool: PoolState) => Reason | null;
  /** What the pod's rank keeps it from: room that went to others. */
  readonly rankOf?: (pod: PodInput) => Reason | null;
  /** What the pod's gang is short of. */
  readonly gangOf?: (pod: PodInput) => Reason | null;
}

export interface Check {
  readonly name: string;
  /**
   * What the answer for an empty node depends on, so that it is not asked again. `marks`: labels, taints and what else
   * tells nodes of one pool from others. `amounts`: what it has. `pods`: who is where. `fleet`: what the rest of the
   * decision knows.
   */
  readonly reads: "marks" | "amounts" | "pods" | "fleet";
  /** Null: nothing is in the way as far as this check can see. */
  refusal(pod: PodInput, place: Place, context: FitContext): Reason | null;
}
