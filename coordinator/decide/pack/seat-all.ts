// Free pods onto the room that there is: nodes that are here, that are coming, or that were opened before. Nothing is
// bought here, and pods that depend on others are placed elsewhere, one by one.

import type { PodInput } from "../snapshot-pod.ts";
import type { Rest } from "./one-by-one.ts";
import type { Parts } from "./parts.ts";

/** `stuck`: those that found no room there. */
export function seatAll(pods: readonly PodInput[], { board, placer, work }: Parts): Rest {
  const full = new Set<number>();
  const leftOut: PodInput[] = [];
  const stuck: PodInput[] = [];
  for (const pod of pods) {
    const { id } = board.kinds.of(pod);
    if (work.left <= 0) leftOut.push(pod);
    else if (full.has(id)) stuck.push(pod);
    else if (placer.seat(pod) === null) {
      full.add(id);
      stuck.push(pod);
    }
  }
  return { stuck, leftOut };
}
