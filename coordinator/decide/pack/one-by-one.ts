// Pods placed one after the other, each as cheaply as those before it allow. Tried in an order that fills nodes evenly
// first; where a limit stands between a pod and a node the order is that of precedence, so that who comes first gets it.

import type { PodInput } from "../snapshot-pod.ts";
import type { Parts } from "./parts.ts";
import type { Range } from "./ranges.ts";
import { rollBack } from "./redo.ts";
import { woven } from "./weave.ts";

export interface Rest {
  /** Pods for which there is no place now. */
  readonly stuck: readonly PodInput[];
  /** Pods that no work was left for. */
  readonly leftOut: readonly PodInput[];
}

/** `among`: ranges from which nodes may be opened; left out: all. */
export function placeOneByOne(pods: readonly PodInput[], parts: Parts, among?: readonly Range[]): Rest {
  const mark = parts.purchases.mark();
  const only = among === undefined ? null : new Set(among);
  const even = inOrder(woven(pods, parts), only, parts);
  if (even.leftOut.length > 0 || !even.stuck.some((pod) => isLimited(pod, parts))) return even;
  rollBack(parts, mark);
  return inOrder(pods, only, parts);
}

/** A limit stands between the pod and a node. */
function isLimited(pod: PodInput, { board, openings, patience }: Parts): boolean {
  return openings.refusals(board.kinds.of(pod), patience(pod).allows).length > 0;
}

/** After so many rounds a pod that waits for others to come first is given up. */
const ROUNDS = 4;

function inOrder(pods: readonly PodInput[], among: ReadonlySet<Range> | null, parts: Parts): Rest {
  const { board, placer, patience, work } = parts;
  const alike = new Map<number, number>();
  for (const pod of pods) {
    const { id } = board.kinds.of(pod);
    alike.set(id, (alike.get(id) ?? 0) + 1);
  }
  const leftOut: PodInput[] = [];
  let waiting = pods;
  for (let round = 0; round < ROUNDS && waiting.length > 0; round++) {
    /** What one of a kind did not find, the next of it will not find either, until others are placed. */
    const hopeless = new Set<string>();
    const stuck: PodInput[] = [];
    for (const pod of waiting) {
      const { id } = board.kinds.of(pod);
      const { text, allows } = patience(pod);
      const look = `${id} ${text}`;
      const allowed = among === null ? allows : (range: Range) => among.has(range) && allows(range);
      if (work.left <= 0) leftOut.push(pod);
      else if (hopeless.has(look)) stuck.push(pod);
      else if (placer.place(pod, alike.get(id) ?? 1, allowed) === null) {
        hopeless.add(look);
        stuck.push(pod);
      } else alike.set(id, (alike.get(id) ?? 1) - 1);
    }
    if (stuck.length === waiting.length) return { stuck, leftOut };
    waiting = stuck;
  }
  return { stuck: waiting, leftOut };
}
