// Taints that a new node wears until something on it or about it has started: the one by which Kubernetes marks it until
// its controllers have seen that it is Ready, those of network and storage plugins, of GPU operators. Such a node is
// still on its way: pods that wait for it tolerate none of them, and would else be bought another node each cycle.

import type { Taint } from "../../../shared/model/kube.ts";
import { FOREIGN_DRAIN_TAINTS, NODE_STATE_TAINT, TAINT } from "../../../shared/model/names.ts";

/** Kubernetes takes these off by itself, a while after the node is Ready. */
const COMES_OFF: ReadonlySet<string> = new Set([
  NODE_STATE_TAINT.notReady,
  NODE_STATE_TAINT.unreachable,
  NODE_STATE_TAINT.networkUnavailable,
]);
/** Somebody's word that the node is to take no pods: it is up, and not for us. */
const MEANT: ReadonlySet<string> = new Set([...Object.values(TAINT), ...FOREIGN_DRAIN_TAINTS]);
const KUBERNETES = "node.kubernetes.io/";

/**
 * Whether a node that is young waits for its start by one of its taints. `usual`: keys of those that nodes of its pool
 * keep; null where nobody knows, and then only Kubernetes' own tell.
 */
export function isStarting(taints: readonly Taint[], usual: ReadonlySet<string> | null): boolean {
  return taints.some(({ key, effect }) => {
    if (effect === "PreferNoSchedule") return false;
    if (COMES_OFF.has(key)) return true;
    return usual !== null && !key.startsWith(KUBERNETES) && !MEANT.has(key) && !usual.has(key);
  });
}
