// One watch with its store, and how far both can be trusted. Every store of the coordinator is made here, so
// that "complete" means the same for all.

import type { KubeObject } from "../../shared/model/kube.ts";
import type { Random } from "../../shared/model/random.ts";
import { elapsed, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import type { Watcher } from "../../shared/runtime/kube/client.ts";
import type { Resource, Selector } from "../../shared/runtime/kube/resources.ts";
import { createObjectStore, runStore } from "../../shared/runtime/kube/store.ts";
import type { ObjectStore } from "../../shared/runtime/kube/store.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import type { WatchEvent } from "../../shared/runtime/kube/watch.ts";
import type { Log } from "../../shared/runtime/log.ts";

/**
 * Two coordinators with a dozen watches each are no crowd for a server that comes back, and while one of them waits
 * nobody decides: a seventh of what a fleet of agents leaves between its attempts.
 */
const LIMITS = { capMs: millis(4_000) };

export interface WatchDeps {
  readonly client: Watcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Log, "info" | "warn">;
  readonly onTrouble: (kind: ErrorKind) => void;
}

export interface Watched<T extends KubeObject> {
  /** For messages: "pods". */
  readonly name: string;
  readonly store: ObjectStore<T>;
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export function createWatched<T extends KubeObject>(
  resource: Resource<T>,
  deps: WatchDeps,
  onChange: (event: WatchEvent<T>) => void,
  selector: Selector = {},
): Watched<T> {
  const store = createObjectStore<T>({ onChange });
  return {
    name: resource.plural,
    store,
    run: async (signal) => {
      const { client, clock, random, log, onTrouble } = deps;
      await runStore(
        watch(client, resource, selector, { clock, random, signal, log, onTrouble, limits: LIMITS }),
        store,
      );
    },
  };
}

/**
 * Whether an event changes anything that a decision reads. `read` gives that of one object, as JSON, null for
 * nothing: every node sends heartbeats and every pod tells of its containers, and neither is worth a cycle.
 * `weigh` leaves out of it what the next cycle is early enough for.
 */
export function createNews<T extends KubeObject, R = unknown>(
  read: (object: T) => R | null,
  weigh: (read: R) => unknown = (all) => all,
): (event: WatchEvent<T>) => boolean {
  let known = new Map<string, R | null>();
  const weightOf = (value: R | null): string => JSON.stringify(value === null ? null : weigh(value));
  const keyOf = ({ metadata }: T): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  return (event) => {
    switch (event.kind) {
      case "synced":
        known = new Map(event.items.map((object) => [keyOf(object), read(object)]));
        return true;
      case "put": {
        const key = keyOf(event.object);
        const before = known.get(key) ?? null;
        const after = read(event.object);
        known.set(key, after);
        return weightOf(before) !== weightOf(after);
      }
      case "gone": {
        const key = keyOf(event.object);
        const before = known.get(key) ?? null;
        known.delete(key);
        return before !== null;
      }
      // What is open or late is the watch's business, not a decision's.
      case "stale":
      case "live":
        return false;
      default:
        return event satisfies never;
    }
  };
}

/** A watch that broke is usually back within seconds; longer than this and its store is not taken for complete. */
export const STALE_MS: Millis = 15_000 as Millis;

/** Null: complete. Else what a person should know. */
export function incompleteness(
  watched: {
    readonly name: string;
    readonly store: Pick<ObjectStore<KubeObject>, "synced" | "staleSince">;
  },
  now: EpochMs,
): string | null {
  const { store, name } = watched;
  if (!store.synced) return `${name}: not listed yet`;
  if (store.staleSince === null) return null;
  const ageMs = elapsed(store.staleSince, now);
  return ageMs > STALE_MS ? `${name}: nothing heard for ${Math.round(ageMs / 1000)} s` : null;
}
