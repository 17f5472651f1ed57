// The objects of one watch, as of the last event, by namespace and name. A store answers from memory and says
// how far it can be trusted: not synced yet, current, or stale since when. Whoever reads decides what that means.

import type { KubeObject } from "../../model/kube.ts";
import type { EpochMs } from "../../model/units.ts";
import type { ObjectRef } from "./resources.ts";
import type { WatchEvent } from "./watch.ts";

export interface ObjectStore<T extends KubeObject> {
  /** Whether the first list has arrived. Before that the store is not empty but unknown. */
  readonly synced: boolean;
  /** Since when nothing was heard; null while the watch is open. */
  readonly staleSince: EpochMs | null;
  readonly size: number;
  get(ref: ObjectRef): T | undefined;
  values(): readonly T[];
  /** Resolves when the first list has arrived; rejects with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void>;
  apply(event: WatchEvent<T>): void;
}

/** `onChange` is called after each event, with the event; it must not block or throw (trigger a pulse). */
export function createObjectStore<T extends KubeObject>(
  options: { readonly onChange?: (event: WatchEvent<T>) => void } = {},
): ObjectStore<T> {
  let objects = new Map<string, T>();
  let synced = false;
  let staleSince: EpochMs | null = null;
  const firstSync = Promise.withResolvers<void>();

  return {
    get synced() {
      return synced;
    },
    get staleSince() {
      return staleSince;
    },
    get size() {
      return objects.size;
    },
    get: (ref) => objects.get(keyOf(ref)),
    values: () => [...objects.values()],
    whenSynced: async (signal) => {
      await orAborted(firstSync.promise, signal);
    },
    apply: (event) => {
      switch (event.kind) {
        case "synced":
          objects = new Map(event.items.map((object) => [keyOf(object.metadata), object]));
          synced = true;
          firstSync.resolve();
          break;
        case "put":
          objects.set(keyOf(event.object.metadata), event.object);
          break;
        case "gone":
          objects.delete(keyOf(event.object.metadata));
          break;
        case "stale":
          staleSince = event.since;
          break;
        case "live":
          staleSince = null;
          break;
        default:
          event satisfies never;
      }
      options.onChange?.(event);
    },
  };
}

/** Feeds the store until the watch ends, which it does with its signal. */
export async function runStore<T extends KubeObject>(
  events: AsyncIterable<WatchEvent<T>>,
  store: ObjectStore<T>,
): Promise<void> {
  for await (const event of events) store.apply(event);
}

/** A namespace has no slash, so the key is unambiguous. */
function keyOf(ref: ObjectRef): string {
  return `${ref.namespace ?? ""}/${ref.name}`;
}

async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
