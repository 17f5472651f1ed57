// What shows in the cluster of others that size the group of a pool: Cluster Autoscaler by what it writes of itself, a
// second gpu-autoscaler by its lease. What a group shows itself comes with its reading, what nodes show is in the snapshot
// already. Without the rights, or while the API server is away, nothing is seen, and the pools go on.

import type { PoolGroup } from "../../shared/contract/policy/pool.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import type { RivalInput } from "../decide/snapshot.ts";
import type { OptionalWatch } from "./optional.ts";
import { watchClusterAutoscaler } from "./rivals-cluster-autoscaler.ts";
import { watchCoordinators } from "./rivals-coordinator.ts";
import type { CoordinatorsOptions } from "./rivals-coordinator.ts";
import type { WatchDeps } from "./watched.ts";

export interface Rivals {
  /** Nothing waits for them. */
  readonly watches: readonly OptionalWatch[];
  /** What is seen now; empty: nothing. */
  of(policy: string, group: PoolGroup | undefined): readonly RivalInput[];
}

export interface RivalsOptions extends Pick<CoordinatorsOptions, "lease" | "leaderBefore" | "takenBack"> {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  /** Of objects whose group names none. */
  readonly defaultNamespace: string;
  readonly onChange: () => void;
}

export function createRivals(options: RivalsOptions): Rivals {
  const autoscaler = watchClusterAutoscaler(options);
  const coordinators = watchCoordinators(options);
  return {
    watches: [autoscaler.watch, coordinators.watch],
    of: (policy, group) => [...autoscaler.of(group), ...coordinators.of(policy)],
  };
}
