// How large a group that is an object of the cluster is and what it has. Kinds that we know come by watch, from when
// the first policy names one; any other scale target is read at most every 10 s. A size that was not read lately is
// unknown, a group that is not there is missing, and both say why.

import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import type { NodeGroup } from "../cloud/group.ts";
import { scaleKindOf } from "../cloud/scale/kinds.ts";
import type { GroupSource, PoolReading } from "./groups.ts";
import { watchMachineGroups } from "./machine-groups.ts";
import { watchMachinePools } from "./machine-pools.ts";
import { watchNodePools } from "./node-pools.ts";
import { createPolled } from "./polled.ts";
import type { Polled } from "./polled.ts";
import type { WatchDeps } from "./watched.ts";

export interface ScaleGroupsOptions {
  readonly watch: WatchDeps;
  readonly clock: Clock;
  readonly discover: Discovery;
  readonly defaultNamespace: string;
  readonly groupOf: (target: ScaleGroup) => NodeGroup;
  readonly isNodeReady: (node: string) => boolean;
  /** Of a node by its name; undefined when it has none, or is not there. */
  readonly providerIdOf: (node: string) => string | undefined;
  readonly onChange: () => void;
  /** Takes over a task that ends with the signal. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
}

/** Kind and version: what one set of watches serves. */
export type Target = Pick<ScaleGroup, "apiVersion" | "kind">;

export interface VersionWatch {
  reading(group: { readonly name: string; readonly namespace: string }): PoolReading;
}

const WATCHES = {
  "machine-deployment": watchMachineGroups,
  "machine-pool": watchMachinePools,
  "node-pool": watchNodePools,
} as const;

export function createScaleGroups(options: ScaleGroupsOptions): GroupSource<ScaleGroup> {
  const { clock, defaultNamespace } = options;
  const watched = new Map<string, VersionWatch>();
  const polled = new Map<string, Polled>();

  return {
    reading: (target) => {
      const kind = scaleKindOf(target);
      if (kind === "other") {
        const entry = getOrMake(polled, JSON.stringify(target), () => startPolling(target, options));
        return { group: entry.reading(clock.now()), instances: [] };
      }
      const { apiVersion, name, namespace = defaultNamespace } = target;
      const key = `${apiVersion} ${target.kind}`;
      const entry = getOrMake(watched, key, () => WATCHES[kind]({ apiVersion, kind: target.kind }, options));
      return entry.reading({ name, namespace });
    },
    touched: (target) => {
      polled.get(JSON.stringify(target))?.poke();
    },
  };
}

function startPolling(target: ScaleGroup, options: ScaleGroupsOptions): Polled {
  const { clock, onChange } = options;
  const entry = createPolled({ target, group: options.groupOf(target), clock, onChange });
  options.spawn(`polling of ${target.kind} ${target.name}`, async (signal) => await entry.run(signal));
  return entry;
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
