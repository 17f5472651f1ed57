// First fit, in order: pods on what is free, on what is on its way, then on new nodes. As simple as the autoscalers that it
// stands for: no gangs, no cost of what is wasted, no second thought.

import type { PodInput } from "../../decide/snapshot-pod.ts";
import { gpusOfPod, takes } from "./seen.ts";
import type { SeenNode, SeenPool } from "./seen.ts";

interface Room {
  readonly labels: Readonly<Record<string, string>>;
  readonly pool: string;
  free: number;
}

export interface Fitted {
  /** Pool → new nodes. */
  readonly grow: ReadonlyMap<string, number>;
  /** Pods for which no pool has a node. */
  readonly homeless: readonly PodInput[];
}

/**
 * `choose`: pools that may give a new node for the pod, the best first; a pool at its maximum is passed over.
 */
export function fitted(
  waiting: readonly PodInput[],
  pools: readonly SeenPool[],
  choose: (pod: PodInput) => readonly SeenPool[],
): Fitted {
  const rooms = pools.flatMap((pool): Room[] => [
    ...pool.nodes
      .filter(({ open }) => open)
      .map((node) => ({ labels: node.labels, pool: pool.name, free: freeOn(node) })),
    ...Array.from({ length: pool.coming }, () => emptyNode(pool)),
  ]);
  const grow = new Map<string, number>();
  const homeless: PodInput[] = [];
  for (const pod of waiting) {
    const gpus = gpusOfPod(pod);
    const found = rooms.find((room) => room.free >= gpus && takes(pod, room.labels));
    if (found !== undefined) {
      found.free -= gpus;
      continue;
    }
    const pool = choose(pod).find(
      (one) =>
        one.gpusPerNode >= gpus && takes(pod, one.labels) && one.size + (grow.get(one.name) ?? 0) < one.max,
    );
    if (pool === undefined) {
      homeless.push(pod);
      continue;
    }
    const made = emptyNode(pool);
    made.free -= gpus;
    rooms.push(made);
    grow.set(pool.name, (grow.get(pool.name) ?? 0) + 1);
  }
  return { grow, homeless };
}

/** Whether all pods of a node have a place on other nodes that are here; what is free is counted once for all questions. */
export function elsewhere(pools: readonly SeenPool[]): (node: SeenNode) => boolean {
  const rooms = pools.flatMap(({ nodes }) =>
    nodes.flatMap((node) => {
      const free = node.open ? freeOn(node) : 0;
      return free > 0 ? [{ name: node.name, labels: node.labels, free }] : [];
    }),
  );
  return (node) => {
    const taken = new Map<string, number>();
    return node.pods.every((pod) => {
      const gpus = gpusOfPod(pod);
      const room = rooms.find(
        ({ name, labels, free }) =>
          name !== node.name && free - (taken.get(name) ?? 0) >= gpus && takes(pod, labels),
      );
      if (room !== undefined) taken.set(room.name, (taken.get(room.name) ?? 0) + gpus);
      return room !== undefined;
    });
  };
}

function emptyNode({ name, labels, gpusPerNode }: SeenPool): Room {
  return { pool: name, labels, free: gpusPerNode };
}

export function freeOn({ gpus, pods }: SeenNode): number {
  return gpus - pods.reduce((sum, pod) => sum + gpusOfPod(pod), 0);
}
