// Which pods stand on which node and what they hold of it, kept with each write so that no pass has to look at
// every pod. It only answers; it decides nothing.

import type { Pod } from "../../shared/model/kube.ts";
import { add, nodeHeldBy, requestsOf } from "./world-pods.ts";
import type { Amounts } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";
import type { Store } from "./world-store.ts";

export interface NodeIndex {
  /** Keys of all pods bound to the node, finished ones included. */
  podsOn(node: string): ReadonlySet<string>;
  /** What pods that are not finished hold. */
  usedOn(node: string): Amounts;
  requests(pod: Pod): Amounts;
}

const NOTHING: ReadonlySet<string> = new Set();
const NO_AMOUNTS: Amounts = new Map();

export function createNodeIndex(store: Store): NodeIndex {
  const pods = new Map<string, Set<string>>();
  const used = new Map<string, Map<string, number>>();
  const requests = new Map<string, Amounts>();

  function requestsOnce(pod: Pod): Amounts {
    const uid = pod.metadata.uid ?? "";
    let found = requests.get(uid);
    if (found === undefined) {
      found = requestsOf(pod);
      requests.set(uid, found);
    }
    return found;
  }

  function place(pod: Pod, sign: 1 | -1): void {
    const bound = pod.spec.nodeName;
    if (bound !== undefined) {
      const there = entry(pods, bound, () => new Set<string>());
      if (sign === 1) there.add(keyOf(pod.metadata));
      else there.delete(keyOf(pod.metadata));
      if (there.size === 0) pods.delete(bound);
    }
    const held = nodeHeldBy(pod);
    if (held === null) return;
    add(
      entry(used, held, () => new Map<string, number>()),
      requestsOnce(pod),
      sign,
    );
  }

  store.onChange((change) => {
    if (change.resource === "nodes" && change.kind === "deleted" && !pods.has(change.object.metadata.name)) {
      used.delete(change.object.metadata.name);
    }
    if (change.resource !== "pods") return;
    if (change.previous !== null) place(change.previous, -1);
    if (change.kind === "deleted") requests.delete(change.object.metadata.uid ?? "");
    else place(change.object, 1);
  });

  return {
    podsOn: (node) => pods.get(node) ?? NOTHING,
    usedOn: (node) => used.get(node) ?? NO_AMOUNTS,
    requests: requestsOnce,
  };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}
