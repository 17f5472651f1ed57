import { describe, expect, test } from "vitest";

import type { KubeObject } from "../../model/kube.ts";
import { epochMs } from "../../model/units.ts";
import { createObjectStore, runStore } from "./store.ts";
import type { WatchEvent } from "./watch.ts";

const object = (name: string, namespace?: string): KubeObject => ({
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
});

async function* from(...events: readonly WatchEvent<KubeObject>[]): AsyncGenerator<WatchEvent<KubeObject>> {
  for (const event of events) yield await Promise.resolve(event);
}

describe("createObjectStore()", () => {
  test("is unknown rather than empty until the first list", async () => {
    const store = createObjectStore();
    expect([store.synced, store.size, store.staleSince]).toEqual([false, 0, null]);
    const synced = store.whenSynced();
    store.apply({ kind: "synced", items: [] });
    await synced;
    expect(store.synced).toBe(true);
  });

  test("follows puts and removals, and tells namespaces apart", async () => {
    const store = createObjectStore();
    const [first, second, node] = [object("p", "a"), object("p", "b"), object("n")];
    await runStore(
      from(
        { kind: "synced", items: [first] },
        { kind: "put", object: second },
        { kind: "put", object: node },
        { kind: "gone", object: object("p", "a") },
        { kind: "gone", object: object("never seen", "a") },
      ),
      store,
    );
    expect(store.values()).toEqual([second, node]);
    expect(store.get({ namespace: "b", name: "p" })).toBe(second);
    expect(store.get({ name: "n" })).toBe(node);
    expect(store.get({ namespace: "a", name: "p" })).toBeUndefined();
  });

  test("forgets on a new list what is no longer there", () => {
    const store = createObjectStore();
    store.apply({ kind: "synced", items: [object("old"), object("kept")] });
    store.apply({ kind: "synced", items: [object("kept")] });
    expect(store.values().map((known) => known.metadata.name)).toEqual(["kept"]);
  });

  test("keeps its objects while stale and says since when, until the watch is live", () => {
    const store = createObjectStore();
    store.apply({ kind: "synced", items: [object("a")] });
    store.apply({ kind: "stale", since: epochMs(5), why: "cut" });
    expect([store.size, store.staleSince]).toEqual([1, 5]);
    store.apply({ kind: "synced", items: [object("a")] });
    expect(store.staleSince).toBe(5);
    store.apply({ kind: "live" });
    expect(store.staleSince).toBeNull();
  });

  test("tells its listener of each event, after it has taken it in", () => {
    const seen: string[] = [];
    const store = createObjectStore<KubeObject>({
      onChange: (event) => {
        seen.push(`${event.kind} ${store.size}`);
      },
    });
    store.apply({ kind: "synced", items: [object("a")] });
    store.apply({ kind: "put", object: object("b") });
    expect(seen).toEqual(["synced 1", "put 2"]);
  });

  test("whenSynced() rejects with the reason of its signal", async () => {
    const store = createObjectStore();
    const controller = new AbortController();
    const synced = store.whenSynced(controller.signal);
    controller.abort(new Error("stopping"));
    await expect(synced).rejects.toThrow("stopping");
    await expect(store.whenSynced(controller.signal)).rejects.toThrow("stopping");
  });
});
