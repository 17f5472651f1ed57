// The pods of our own node, kept by a watch: a drain must not begin with a list. They are held whole, since
// which field matters is the drain plan's business.

import type { Pod } from "../../shared/model/kube.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createObjectStore, runStore } from "../../shared/runtime/kube/store.ts";
import type { ObjectStore } from "../../shared/runtime/kube/store.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import type { OwnWatchOptions } from "./node-watch.ts";

export interface OwnPods {
  readonly store: ObjectStore<Pod>;
  /** Ends with the signal. */
  readonly ended: Promise<void>;
}

export function watchOwnPods(options: OwnWatchOptions): OwnPods {
  const { client, node, onChange } = options;
  const store = createObjectStore<Pod>({ onChange });
  const events = watch(client, RESOURCE.pods, { fieldSelector: `spec.nodeName=${node}` }, options);
  return { store, ended: runStore(events, store) };
}
