// A batch in numbers for the solver: pods that are alike to every pool are one item, pools that are alike to every item
// are one machine. Which of those pools gives the next node is left to the market.

import type { PodKind } from "../fit/kind.ts";
import { ceilingOf } from "../limits/group-bounds.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Parts } from "./parts.ts";
import type { Option, Range } from "./ranges.ts";
import type { Problem } from "./solve/problem.ts";

/** Pods that are alike, in their order. */
export interface Lot {
  readonly kind: PodKind;
  readonly pods: PodInput[];
  /** Those before it have a place. */
  next: number;
}

/** Pools that are alike. */
export interface Peers {
  readonly options: readonly Option[];
  /** By lot. */
  readonly takes: readonly boolean[];
}

export function lotsOf(pods: readonly PodInput[], { board, patience }: Parts): Lot[] {
  const lots = new Map<string, Lot>();
  for (const pod of pods) {
    const kind = board.kinds.of(pod);
    const text = `${kind.where} ${kind.ask} ${patience(pod).text}`;
    const lot = lots.get(text);
    if (lot === undefined) lots.set(text, { kind, pods: [pod], next: 0 });
    else lot.pods.push(pod);
  }
  return [...lots.values()];
}

/** Pools that may be bought from now. */
export function peersOf(lots: readonly Lot[], ranges: readonly Range[], parts: Parts): Peers[] {
  const { openings, purchases, patience } = parts;
  const found = new Map<string, { readonly options: Option[]; readonly takes: readonly boolean[] }>();
  const permits = lots.map(({ pods: [first] }) =>
    first === undefined ? () => false : patience(first).allows,
  );
  for (const range of ranges) {
    const takes = lots.map(({ kind }, lot) => openings.holds([range], kind, permits[lot] ?? (() => false)));
    if (!takes.includes(true)) continue;
    const mask = takes.map(Number).join("");
    for (const option of range.options) {
      if (purchases.refusal(option.pool) !== null) continue;
      const text = `${mask} ${option.cost} ${option.row.join()}`;
      const peers = found.get(text);
      if (peers === undefined) found.set(text, { options: [option], takes });
      else peers.options.push(option);
    }
  }
  return [...found.values()];
}

export function problemOf(
  lots: readonly Lot[],
  peers: readonly Peers[],
  { board, market, ledger }: Parts,
): Problem {
  const { width, askOf } = board.amounts;
  const pods = lots.reduce((sum, lot) => sum + lot.pods.length - lot.next, 0);
  return {
    items: lots.map((lot) => {
      const { index, amount, gpus } = askOf(lot.kind);
      const amounts = Array.from({ length: width }, () => 0);
      index.forEach((name, each) => {
        amounts[name] = amount[each] ?? 0;
      });
      return { count: lot.pods.length - lot.next, amounts, gpus, perNode: Infinity };
    }),
    machines: peers.map(({ options }) => {
      const [first] = options;
      const room = options.reduce((sum, { pool }) => {
        const left = ceilingOf(pool) - pool.planned - ledger.added(pool).nodes;
        return sum + (market.offerOf(pool).probe ? 1 : Math.max(1, left));
      }, 0);
      return {
        amounts: [...(first?.row ?? [])],
        cost: first?.cost ?? 0,
        gpus: first?.gpus ?? 0,
        most: Math.min(room, pods),
      };
    }),
    admits: (item, machine) => peers[machine]?.takes[item] === true,
    clash: null,
  };
}
