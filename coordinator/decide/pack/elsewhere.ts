// Where the pods of a node would go if it went: nodes that are here and stay, as full as this decision leaves them. All
// of them find a place or none is moved. Nothing is bought for them.

import type { PodInput } from "../snapshot-pod.ts";
import type { Bin } from "./board.ts";
import { packingOrder } from "./order.ts";
import type { Parts } from "./parts.ts";

export type Elsewhere =
  | { readonly kind: "fits"; readonly moves: readonly (readonly [PodInput, Bin])[] }
  /** The first pod, in packing order, that has no place. */
  | { readonly kind: "stuck"; readonly pod: string };

/** `refuse`: nodes that take nobody, as those that are about to go themselves. */
type Refuse = (bin: Bin) => boolean;

/** What would happen; nothing has changed afterwards. */
export function elsewhere(
  parts: Pick<Parts, "board" | "seek">,
  pods: readonly PodInput[],
  node: string,
  refuse?: Refuse,
): Elsewhere {
  const { board } = parts;
  const mark = board.mark();
  const result = move(parts, pods, node, { trial: true, ...(refuse === undefined ? {} : { refuse }) });
  board.rollBack(mark);
  return result;
}

/** Does it: the node takes nothing any more and its pods are where they would go. Unchanged when they do not all fit. */
export function moveElsewhere(
  parts: Pick<Parts, "board" | "seek">,
  pods: readonly PodInput[],
  node: string,
  refuse?: Refuse,
): Elsewhere {
  const { board, seek } = parts;
  const mark = board.mark();
  const result = move(parts, pods, node, { trial: false, ...(refuse === undefined ? {} : { refuse }) });
  if (result.kind === "stuck") {
    board.rollBack(mark);
    seek.forget();
  }
  return result;
}

function move(
  { board, seek }: Pick<Parts, "board" | "seek">,
  pods: readonly PodInput[],
  node: string,
  options: { readonly trial: boolean; readonly refuse?: Refuse },
): Elsewhere {
  board.leave(node);
  const moves: (readonly [PodInput, Bin])[] = [];
  for (const pod of pods.toSorted(packingOrder)) {
    const bin = seek.first(board.kinds.of(pod), { end: board.nodes, ...options });
    if (bin === null) return { kind: "stuck", pod: pod.key };
    board.put(bin, pod);
    moves.push([pod, bin]);
  }
  return { kind: "fits", moves };
}
