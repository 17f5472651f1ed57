// Places on nodes that are coming, kept from one decision to the next. Such a node was chosen for certain pods
// together; packed anew each time, the same pods might need one node more, and that would be bought. What no longer
// fits, or has no node coming, is placed as if nothing had been said.

import { compareText } from "../order.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { holds } from "./amounts.ts";
import type { Bin } from "./bin.ts";
import type { Packing } from "./packing.ts";

/** Keys that are remembered; pods beyond them are placed anew. */
const PODS_AT_MOST = 5_000;

interface Place {
  readonly pod: PodInput;
  readonly bin: Bin;
}

/** Comes before all who look for room: a new pod would else take what was bought for another. */
export function keepPromises(packing: Packing): void {
  const places = placesOf(packing);
  if (places.length === 0) return;
  for (const unit of Map.groupBy(places, ({ pod }) => pod.gang?.id ?? pod.key).values()) {
    const gang = packing.demand.gangs.get(unit[0]?.pod.gang?.id ?? "");
    if (gang === undefined || unit.length >= gang.together) keep(unit, packing);
  }
}

/**
 * All of the unit or nothing. Spread and affinity were weighed with all of them in their places, so they are not asked
 * again one by one; what has changed since is asked once the node is here.
 */
function keep(unit: readonly Place[], { board, parts }: Packing): void {
  const { admission, purchases, work } = parts;
  const mark = purchases.mark();
  for (const { pod, bin } of unit) {
    const kind = board.kinds.of(pod);
    work.use(1);
    if (
      !holds(board.left, bin.id * board.amounts.width, board.amounts.askOf(kind)) ||
      admission.verdict(kind, bin, pod) === "never"
    ) {
      purchases.rollBack(mark);
      return;
    }
    board.put(bin, pod);
  }
}

/** One node that is coming for each that was promised, as long as there are any. */
function placesOf({ board, demand, promised }: Packing): readonly Place[] {
  const ids = Object.keys(promised).sort(compareText);
  if (ids.length === 0) return [];
  const losing = [...demand.reserved.values(), ...demand.replaced.values()].flat();
  const wanting = new Map(
    [...losing, ...demand.waiting, ...demand.early]
      .filter(({ nominatedNode }) => nominatedNode === null)
      .map((pod) => [pod.key, pod]),
  );
  const coming = Map.groupBy(board.bins.slice(board.nodes, board.fixed), ({ pool }) => pool?.id ?? "");
  const given = new Set<string>();
  return ids.flatMap((id) => {
    const bins = [...(coming.get(id) ?? [])];
    return (promised[id] ?? []).flatMap((keys) => {
      const pods = keys.flatMap((key) => (given.has(key) ? [] : (wanting.get(key) ?? [])));
      const bin = pods.length === 0 ? undefined : bins.shift();
      if (bin === undefined) return [];
      for (const { key } of pods) given.add(key);
      return pods.map((pod) => ({ pod, bin }));
    });
  });
}

/** Empty where nothing is coming for a pod. A decision that could not see everything goes on with what was said. */
export function rememberPromises({ fleet, board, promised }: Packing): Pick<Memory, "promised"> {
  if (fleet.sync.kind === "unsynced") return Object.keys(promised).length === 0 ? {} : { promised };
  const said: Record<string, (readonly string[])[]> = {};
  let pods = 0;
  for (const { pool, held, placed } of board.bins.slice(board.nodes)) {
    if (pool === null || held !== null || placed.length === 0) continue;
    pods += placed.length;
    if (pods > PODS_AT_MOST) break;
    (said[pool.id] ??= []).push(placed.map(({ key }) => key));
  }
  return pods === 0 ? {} : { promised: said };
}
