// Which pool a new node for a pod would come from. Of each range the cheapest that holds the pod, counted over all pods
// like it that still wait, since a large node may cost less a pod; between ranges the market decides, by tier shares,
// cost, waste and what it spreads over. Pools that may not grow now are passed over.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { firstRefusal } from "../fit/index.ts";
import type { PodKind } from "../fit/kind.ts";
import { newPlace } from "../fit/place.ts";
import type { Market, Need } from "../market/market.ts";
import { distinct } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Admission, Faced } from "./admission.ts";
import { holds } from "./amounts.ts";
import type { Ask } from "./amounts.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";
import type { Purchases } from "./purchases.ts";
import type { Option, Range, Ranges } from "./ranges.ts";
import type { Work } from "./work.ts";

export interface Openings {
  /** `pods`: how many of the kind wait. `allowed`: ranges that the pod may use now. */
  best(kind: PodKind, pods: number, allowed: (range: Range) => boolean): Option | null;
  /** Opens a node of the cheapest option that holds the pod, in one of ranges that are the same to it. */
  take(peers: readonly Range[], pod: PodInput): Bin | null;
  /** Whether labels, taints and the kind of machine are right for the kind in this range. */
  wants(range: Range, kind: PodKind): boolean;
  /** Whether a new node of these ranges would hold a pod of the kind, other pods, limits and market aside. */
  holds(among: readonly Range[], kind: PodKind, allowed: (range: Range) => boolean): boolean;
  /**
   * Domains in which a node could be opened count as if one were there, so that pods that shall be spread are spread
   * over all of them; `undo` ends that. Null: nobody asks for it.
   */
  foresee(): { undo(): void } | null;
  /** Why no node is opened for the kind now, where its size and labels would be right: limits and failures. */
  refusals(kind: PodKind, allowed: (range: Range) => boolean): readonly Reason[];
  /** What other pods have against a new node for the kind. */
  conflicts(kind: PodKind, allowed: (range: Range) => boolean): readonly Reason[];
}

export interface OpeningParts {
  readonly board: Board;
  readonly ranges: Ranges;
  readonly admission: Admission;
  readonly purchases: Purchases;
  readonly market: Market;
  readonly work: Work;
}

export function createOpenings(parts: OpeningParts): Openings {
  const { board, ranges, admission, purchases, market, work } = parts;
  const faces = ranges.all.map((range) => faceOf(range, board));

  const spreads = board.kinds.all.some(({ spread }) =>
    spread.some(({ topologyKey }) => topologyKey !== NODE_LABEL.hostname),
  );

  const wants = (range: Range, kind: PodKind): boolean => {
    const place = faces[range.id] ?? null;
    return place !== null && admission.wants(kind, place);
  };
  const admits = (range: Range, kind: PodKind): boolean => {
    const place = faces[range.id] ?? null;
    work.use(1);
    return place !== null && admission.admitsNew(kind, place);
  };
  const cheapest = (range: Range, kind: PodKind, ask: Ask, pods: number): readonly Option[] => {
    let least = Infinity;
    let found: Option[] = [];
    for (const option of range.options) {
      if (option.cost > least) break;
      if (!holds(option.row, 0, ask)) continue;
      const cost = option.cost * Math.ceil(pods / perNode(kind, ask, option));
      if (cost > least || purchases.refusal(option.pool) !== null) continue;
      if (cost < least) found = [];
      least = cost;
      found.push(option);
    }
    return found;
  };

  return {
    wants,
    holds: (among, kind, allowed) => {
      const ask = board.amounts.askOf(kind);
      return among.some((range) => couldHold(range, kind, ask, allowed));
    },
    best: (kind, pods, allowed) => {
      const ask = board.amounts.askOf(kind);
      const candidates = ranges.all
        .filter((range) => couldHold(range, kind, ask, allowed) && admits(range, kind))
        .flatMap((range) => cheapest(range, kind, ask, pods));
      return choose(candidates, { requests: kind.pod.requests, pods });
    },
    take: (peers, pod) => {
      const kind = board.kinds.of(pod);
      const ask = board.amounts.askOf(kind);
      const candidates = peers.flatMap((range) => {
        const option = admits(range, kind)
          ? range.options.find(({ row, pool }) => holds(row, 0, ask) && purchases.refusal(pool) === null)
          : undefined;
        return option === undefined ? [] : [option];
      });
      const least = Math.min(...candidates.map(({ cost }) => cost));
      const option = choose(
        candidates.filter(({ cost }) => cost === least),
        { requests: pod.requests, pods: 1 },
      );
      if (option === null) return null;
      const bin = purchases.open(option, null);
      board.put(bin, pod);
      return bin;
    },
    foresee: () => {
      if (!spreads) return null;
      const places = ranges.all.flatMap((range) => {
        const isOpen = range.options.some(({ pool }) => purchases.isOpen(pool));
        return isOpen ? (faces[range.id] ?? []) : [];
      });
      for (const place of places) board.topology.foresee(place, 1);
      return {
        undo: () => {
          for (const place of places) board.topology.foresee(place, -1);
        },
      };
    },
    refusals: (kind, allowed) => {
      const ask = board.amounts.askOf(kind);
      const able = ranges.all.filter((range) => couldHold(range, kind, ask, allowed));
      const options = able.flatMap((range) => range.options.filter(({ row }) => holds(row, 0, ask)));
      return distinct([...new Set(options.flatMap(({ pool }) => purchases.refusal(pool) ?? []))]);
    },
    conflicts: (kind, allowed) => {
      const ask = board.amounts.askOf(kind);
      const { kinds, topology } = board;
      return distinct(
        ranges.all
          .filter((range) => couldHold(range, kind, ask, allowed))
          .flatMap(({ id }) => {
            const place = faces[id] ?? null;
            return place === null ? [] : (firstRefusal(kind.pod, place, { kinds, topology }) ?? []);
          }),
      );
    },
  };

  function couldHold(range: Range, kind: PodKind, ask: Ask, allowed: (range: Range) => boolean): boolean {
    return (
      allowed(range) &&
      holds(range.largest, 0, ask) &&
      wants(range, kind) &&
      range.options.some(({ row }) => holds(row, 0, ask))
    );
  }

  function choose(options: readonly Option[], need: Need): Option | null {
    if (options.length < 2) return options[0] ?? null;
    const [pool] = market.rank(
      options.map((option) => option.pool),
      need,
    );
    return options.find((option) => option.pool === pool) ?? null;
  }
}

/** Pods of the kind on one empty node of the option, by amounts and by what they say of each other. */
export function perNode(kind: PodKind, { index, amount }: Ask, { row }: Pick<Option, "row">): number {
  if (isAlone(kind)) return 1;
  let count = Infinity;
  for (let each = 0; each < index.length; each++)
    count = Math.min(count, Math.floor((row[index[each] ?? 0] ?? 0) / (amount[each] ?? 1)));
  return count;
}

/** Pods of the kind do not share a host. */
export function isAlone({ pod, antiAffinity, selectedBy }: PodKind): boolean {
  return (
    (pod.hostPorts !== undefined && pod.hostPorts.length > 0) ||
    antiAffinity.some(({ term, topologyKey }) => topologyKey === NODE_LABEL.hostname && selectedBy.has(term))
  );
}

/** What labels and taints say is the same for all of the range. */
function faceOf({ options }: Range, board: Board): Faced | null {
  const largest = options.toSorted((a, b) => b.gpus - a.gpus)[0];
  if (largest === undefined) return null;
  const place = newPlace(largest.pool, -1);
  return place === null ? null : { ...place, face: board.faceOf(largest.pool) };
}
