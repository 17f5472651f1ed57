// One pod after the other: onto a node that is here, is coming or was opened before, else by making an opened node
// larger or opening another, whichever adds less to the cost. What each of them finds depends on those before it.

import type { PodInput } from "../snapshot-pod.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";
import { isAlone, perNode } from "./openings.ts";
import type { Openings } from "./openings.ts";
import type { Purchases } from "./purchases.ts";
import type { Range, Ranges } from "./ranges.ts";
import type { Seek } from "./seek.ts";
import type { Stretch } from "./stretch.ts";

export interface Placer {
  /** Room that is there or was opened before; nothing is bought. */
  seat(pod: PodInput): Bin | null;
  /** `alike`: pods of its kind that wait, itself included. `allowed`: ranges that may be bought from. */
  place(pod: PodInput, alike: number, allowed: (range: Range) => boolean): Bin | null;
  /** Puts the pod on this new node, made as much larger as it takes; null when it cannot be. */
  squeeze(bin: Bin, pod: PodInput): Bin | null;
}

export interface PlacerParts {
  readonly board: Board;
  readonly ranges: Ranges;
  readonly purchases: Purchases;
  readonly openings: Openings;
  readonly seek: Seek;
  readonly stretch: Stretch;
}

export function createPlacer(parts: PlacerParts): Placer {
  const { board, ranges, purchases, openings, seek, stretch } = parts;
  const putOn = (bin: Bin | null, pod: PodInput): Bin | null => {
    if (bin !== null) board.put(bin, pod);
    return bin;
  };
  return {
    seat: (pod) => putOn(seek.first(pod), pod),
    place: (pod, alike, allowed) => {
      const kind = board.kinds.of(pod);
      const seat = seek.first(pod);
      if (seat !== null) return putOn(seat, pod);
      const option = openings.best(kind, alike, allowed);
      const pods = option === null ? 1 : Math.min(alike, perNode(kind, board.amounts.askOf(kind), option));
      const larger = stretch.forPods(pod, isAlone(kind) ? 1 : pods, {
        allowed,
        grade: option === null ? null : (ranges.of(option.pool)?.class ?? null),
        most: option === null ? Infinity : option.cost / pods,
      });
      return putOn(larger ?? (option === null ? null : purchases.open(option, null)), pod);
    },
    squeeze: (bin, pod) => (stretch.forPod(pod, bin) ? putOn(bin, pod) : null),
  };
}
