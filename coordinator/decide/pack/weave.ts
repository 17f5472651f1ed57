// An order in which pods fill nodes evenly. Biggest first by memory puts all that want much memory onto the first nodes
// and leaves their cores idle; so pods are taken in turn from those that want most of one resource and those that want
// most of another, by what has been asked for so far. Of no use where not all pods get a place: then their order is
// their precedence.

import type { PodInput } from "../snapshot-pod.ts";
import { isAlone } from "./openings.ts";
import type { Parts } from "./parts.ts";

/**
 * Pods with GPUs, and pods that share a host with none of their kind, come first: they decide how many nodes there are,
 * and the others fill those. Among each the order is that of `pods`.
 */
export function woven(pods: readonly PodInput[], { board, ranges }: Parts): readonly PodInput[] {
  const rates = new Float64Array(board.amounts.width);
  for (const range of ranges.all)
    range.rates.forEach((rate, name) => {
      const least = rates[name] ?? 0;
      if (rate > 0 && (least === 0 || rate < least)) rates[name] = rate;
    });
  const first: PodInput[] = [];
  const turns = new Map<number, Weighed[]>();
  for (const pod of pods) {
    const kind = board.kinds.of(pod);
    const ask = board.amounts.askOf(kind);
    if (ask.gpus > 0 || isAlone(kind)) {
      first.push(pod);
      continue;
    }
    const worth = Float64Array.from(ask.index, (name, each) => (rates[name] ?? 0) * (ask.amount[each] ?? 0));
    const most = ask.index[worth.indexOf(Math.max(...worth))] ?? -1;
    const turn = turns.get(most);
    const weighed = { pod, index: ask.index, worth };
    if (turn === undefined) turns.set(most, [weighed]);
    else turn.push(weighed);
  }
  return [...first, ...inTurn([...turns], rates.length)];
}

interface Weighed {
  readonly pod: PodInput;
  readonly index: Int32Array;
  /** Of each resource that it asks for, at the best price. */
  readonly worth: Float64Array;
}

/** Always of the resource of which least has been asked for. */
function inTurn(turns: readonly (readonly [number, readonly Weighed[]])[], width: number): PodInput[] {
  const asked = new Float64Array(width);
  const queues = turns.map(([name, pods]) => ({ name, pods, next: 0 }));
  const order: PodInput[] = [];
  for (;;) {
    let turn: (typeof queues)[number] | null = null;
    for (const queue of queues)
      if (
        queue.next < queue.pods.length &&
        (turn === null || (asked[queue.name] ?? 0) < (asked[turn.name] ?? 0))
      )
        turn = queue;
    const weighed = turn?.pods[turn.next];
    if (turn === null || weighed === undefined) return order;
    turn.next += 1;
    order.push(weighed.pod);
    weighed.index.forEach((name, each) => {
      asked[name] = (asked[name] ?? 0) + (weighed.worth[each] ?? 0);
    });
  }
}
