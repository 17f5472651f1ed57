// The objects of the simulated cluster, as an API server keeps them: one version that rises with every write,
// identity and generation set here and nowhere else, and a bounded record of changes that watches and caches
// follow. Stored objects are never changed in place; what may be written, and by whom, is for others to say.

import type { ObjectMeta } from "../../shared/model/kube.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { RESOURCES, apiVersionOf, keyOf } from "./world-resources.ts";
import type { Objects, ResourceName } from "./world-resources.ts";
import { timestamp } from "./world-time.ts";

interface ChangeOf<R extends ResourceName> {
  readonly kind: "added" | "modified" | "deleted";
  readonly resource: R;
  /** For `deleted`: the last state, with the version of the deletion. */
  readonly object: Objects[R];
  readonly previous: Objects[R] | null;
  readonly version: number;
}

export type Change = { readonly [R in ResourceName]: ChangeOf<R> }[ResourceName];

export interface Store {
  readonly version: number;
  get<R extends ResourceName>(resource: R, key: string): Objects[R] | undefined;
  list<R extends ResourceName>(resource: R): Iterable<Objects[R]>;
  /** Creates or replaces; returns the object as stored. */
  write<R extends ResourceName>(resource: R, object: Objects[R]): Objects[R];
  remove<R extends ResourceName>(resource: R, key: string): Objects[R] | undefined;
  /** Called inside each write. A listener keeps indexes; it must not write to the store. */
  onChange(listener: (change: Change) => void): void;
  /** Changes after `version`, oldest first; null when some of them are no longer kept. */
  changesSince(version: number): readonly Change[] | null;
  /** Forgets all recorded changes, as etcd does when it compacts. */
  compact(): void;
}

export interface StoreOptions {
  readonly now: () => EpochMs;
  /** How many changes are kept at least. Twice as many may be held. */
  readonly historyLimit: number;
}

export function createStore({ now, historyLimit }: StoreOptions): Store {
  const tables = new Map<ResourceName, Map<string, Objects[ResourceName]>>();
  const listeners: ((change: Change) => void)[] = [];
  let history: Change[] = [];
  // A resourceVersion of 0 means "any" to clients, so real versions start at 1.
  let version = 1;
  let forgottenUpTo = 1;
  let identities = 0;

  function table<R extends ResourceName>(resource: R): Map<string, Objects[R]> {
    let found = tables.get(resource);
    if (found === undefined) {
      found = new Map();
      tables.set(resource, found);
    }
    // The map under a name only ever receives objects of that name's type, by `write` below.
    return found as Map<string, Objects[R]>;
  }

  function publish<R extends ResourceName>(
    kind: Change["kind"],
    resource: R,
    object: Objects[R],
    previous: Objects[R] | null,
  ): void {
    // One generic row of the union; the compiler cannot see that R is a single name.
    const change = { kind, resource, object, previous, version } as unknown as Change;
    history.push(change);
    if (history.length > 2 * historyLimit) {
      history = history.slice(-historyLimit);
      forgottenUpTo = (history[0]?.version ?? version + 1) - 1;
    }
    for (const listener of listeners) listener(change);
  }

  function identity(): string {
    identities += 1;
    return `5eed0000-0000-4000-8000-${identities.toString(16).padStart(12, "0")}`;
  }

  function metadata(
    resource: ResourceName,
    given: ObjectMeta,
    previous: Objects[ResourceName] | undefined,
    specChanged: boolean,
  ): ObjectMeta {
    const info = RESOURCES[resource];
    const generation =
      previous === undefined ? 1 : (previous.metadata.generation ?? 1) + (specChanged ? 1 : 0);
    return {
      ...given,
      uid: previous?.metadata.uid ?? given.uid ?? identity(),
      creationTimestamp: previous?.metadata.creationTimestamp ?? given.creationTimestamp ?? timestamp(now()),
      resourceVersion: String(version),
      ...(info.hasGeneration ? { generation } : {}),
    };
  }

  return {
    get version() {
      return version;
    },
    get: (resource, key) => table(resource).get(key),
    list: (resource) => table(resource).values(),
    write: (resource, object) => {
      const rows = table(resource);
      const key = keyOf(object.metadata);
      const previous = rows.get(key);
      version += 1;
      const specChanged = previous !== undefined && !sameJson(specOf(previous), specOf(object));
      const stored = {
        ...object,
        apiVersion: apiVersionOf(RESOURCES[resource]),
        kind: RESOURCES[resource].kind,
        metadata: metadata(resource, object.metadata, previous, specChanged),
      };
      rows.set(key, stored);
      publish(previous === undefined ? "added" : "modified", resource, stored, previous ?? null);
      return stored;
    },
    remove: (resource, key) => {
      const rows = table(resource);
      const previous = rows.get(key);
      if (previous === undefined) return undefined;
      rows.delete(key);
      version += 1;
      const last = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } };
      publish("deleted", resource, last, previous);
      return last;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    changesSince: (since) => {
      if (since < forgottenUpTo) return null;
      // Versions are consecutive in the record, so the place of the first later change is known.
      return history.slice(Math.max(0, since - forgottenUpTo));
    },
    compact: () => {
      history = [];
      forgottenUpTo = version;
    },
  };
}

function specOf(object: Objects[ResourceName]): unknown {
  return "spec" in object ? object.spec : undefined;
}

/** Equality of JSON values; the order of keys does not matter. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => sameJson(item, right[index]));
  }
  const one = definedEntries(left);
  const other = new Map(definedEntries(right));
  return (
    one.length === other.size &&
    one.every(([key, value]) => other.has(key) && sameJson(value, other.get(key)))
  );
}

function definedEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined);
}
