// Our own node as the API server has it, kept by a watch on its name. It carries what people and the coordinator
// ask of this agent; what the agent makes of it is decided in assess.

import type { Node } from "../../shared/model/kube.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import type { Watcher } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createObjectStore, runStore } from "../../shared/runtime/kube/store.ts";
import type { ObjectStore } from "../../shared/runtime/kube/store.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import type { WatchOptions } from "../../shared/runtime/kube/watch.ts";

export interface OwnWatchOptions extends Pick<WatchOptions, "clock" | "random" | "signal" | "log"> {
  readonly client: Watcher;
  readonly node: string;
  readonly onChange: () => void;
  readonly onTrouble: (kind: ErrorKind) => void;
}

export interface OwnNode {
  readonly store: ObjectStore<Node>;
  /** Undefined before the first list, and when the node is not registered. */
  current(): Node | undefined;
  /** Ends with the signal. */
  readonly ended: Promise<void>;
}

export function watchOwnNode(options: OwnWatchOptions): OwnNode {
  const { client, node, onChange } = options;
  const store = createObjectStore<Node>({ onChange });
  const events = watch(client, RESOURCE.nodes, { fieldSelector: `metadata.name=${node}` }, options);
  return { store, current: () => store.get({ name: node }), ended: runStore(events, store) };
}
