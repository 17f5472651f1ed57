// What the world's watches bring to one replica's stores: every change in order, late while watches are stale, and a list
// where the record of changes no longer reaches back. The stores and all that reads them are the shipped ones.

import type { Cluster } from "../../../coordinator/observe/cluster.ts";
import { keptDaemonSet, keptNode, keptPod } from "../../../coordinator/observe/kept.ts";
import type { Policies } from "../../../coordinator/observe/policies.ts";
import type { ResourceName } from "../../../coordinator/replay/world-resources.ts";
import type { Change } from "../../../coordinator/replay/world-store.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { WatchEvent } from "../../../shared/runtime/kube/watch.ts";
import type { Troubles } from "./troubles.ts";

export interface Watches {
  /** Brings what has happened since. True when there was something. */
  feed(): boolean;
  /** Since when nothing was brought, in the world's time; null: nothing is late. */
  readonly lateSince: EpochMs | null;
}

interface Sink {
  apply(event: WatchEvent<KubeObject>): void;
}

export function createWatches(options: {
  readonly world: World;
  readonly cluster: Cluster;
  readonly policies: Policies;
  readonly troubles: Troubles;
  /** On the replica's own clock. */
  readonly now: () => EpochMs;
}): Watches {
  const { world, cluster, policies, troubles, now } = options;
  const sinks = sinksOf(cluster, policies);
  let version = 0;
  let lateSince: EpochMs | null = null;
  let told = false;

  function list(): void {
    for (const [resource, sink] of sinks) sink.apply({ kind: "synced", items: world.list(resource) });
    version = world.version;
  }

  function all(event: WatchEvent<KubeObject>): void {
    for (const sink of sinks.values()) sink.apply(event);
  }

  return {
    get lateSince() {
      return lateSince;
    },
    feed: () => {
      const stale = troubles.watchesStale;
      if (stale !== null || troubles.apiAway > 0) {
        lateSince ??= world.now;
        if (stale?.silent !== true && !told) {
          told = true;
          all({ kind: "stale", since: now(), why: "no connection" });
        }
        return false;
      }
      lateSince = null;
      if (told) {
        told = false;
        all({ kind: "live" });
      }
      if (version === world.version) return false;
      const changes = version === 0 ? null : world.changesSince(version);
      if (changes === null) list();
      else for (const change of changes) sinks.get(change.resource)?.apply(eventOf(change));
      version = world.version;
      return true;
    },
  };
}

function eventOf({ kind, object }: Change): WatchEvent<KubeObject> {
  return kind === "deleted" ? { kind: "gone", object } : { kind: "put", object };
}

/** Stores take only objects of their own kind; which those are is said here, once. */
function sinksOf(cluster: Cluster, policies: Policies): ReadonlyMap<ResourceName, Sink> {
  const sinks = new Map<ResourceName, Sink>();
  const all = [...cluster.watches, policies.watch];
  for (const watched of all) {
    const keep = KEEP[watched.name] ?? same;
    const store = watched.store as unknown as Sink;
    sinks.set(watched.name as ResourceName, {
      apply: (event) => {
        if (event.kind === "synced") store.apply({ kind: "synced", items: event.items.map(keep) });
        else if (event.kind === "put") store.apply({ kind: "put", object: keep(event.object) });
        else store.apply(event);
      },
    });
  }
  return sinks;
}

const same = (object: KubeObject): KubeObject => object;

/** As the shipped watches reduce objects, those that the world has. */
const KEEP: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  nodes: (object) => keptNode(object as Parameters<typeof keptNode>[0]),
  pods: (object) => keptPod(object as Parameters<typeof keptPod>[0]),
  daemonsets: (object) => keptDaemonSet(object as Parameters<typeof keptDaemonSet>[0]),
};
