// Each pod against an empty new node of each pool: the first check of the whole list that refuses it. What depends on
// labels alone or on amounts alone is asked once for all pods that have these in common, the rest once for each kind of
// pod. Other pods count where the decision left them.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { Check, FitContext, Place } from "../fit/check.ts";
import { CHECKS } from "../fit/index.ts";
import { newPlace } from "../fit/place.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { Price } from "../market/market.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { PoolVerdict, Work } from "./explanation.ts";

export interface Verdicts {
  refusal(pod: PodInput, pool: PoolState): Reason | null;
  /** For every pool, in the order of policies and their specs. */
  of(pod: PodInput): readonly PoolVerdict[];
  /** Why the pool opens no node for anybody; null: it may. */
  closed(pool: PoolState): Reason | null;
  priceOf(pool: PoolState): Price;
}

/** `because`: what the decision itself says of pods without a place; of rank and gang nobody else knows. */
export function createVerdicts({ packing }: Work, because: ReadonlyMap<string, readonly Reason[]>): Verdicts {
  const { fleet, ledger, market, kinds, board } = packing;
  const limits = new Map<PoolState, Reason | null>();
  const said = (pod: PodInput, codes: ReadonlySet<string>): Reason | null =>
    because.get(pod.key)?.find(({ code }) => codes.has(code)) ?? null;
  const context: FitContext = {
    kinds,
    topology: board.topology,
    limitOf: (pool) => known(limits, pool, () => ledger.refusal(pool)),
    healthOf: (pool) => pool.closed ?? market.offerOf(pool).refusal,
    rankOf: (pod) => said(pod, RANK),
    gangOf: (pod) => said(pod, GANG),
  };
  const closed = (pool: PoolState): Reason | null =>
    pool.closed ?? context.limitOf?.(pool) ?? context.healthOf?.(pool) ?? null;
  const places = new Map(fleet.pools.map((pool, index) => [pool, newPlace(pool, -1 - index)]));
  const first = createFirstRefusal(context);

  const refusal = (pod: PodInput, pool: PoolState): Reason | null => {
    const place = places.get(pool) ?? null;
    // Nobody knows what a node without a shape would offer, so nothing else can be asked of it.
    const reason = place === null ? closed(pool) : first(pod, place);
    return reason?.code === "pool-not-usable" ? closed(pool) : reason;
  };
  return {
    refusal,
    of: (pod) =>
      fleet.pools.map((pool) => {
        const { price } = market.offerOf(pool);
        const usdPerHour = price.kind === "known" ? price.usdPerHour : null;
        return { pool: pool.id, refusal: refusal(pod, pool), usdPerHour };
      }),
    closed,
    priceOf: (pool) => market.offerOf(pool).price,
  };
}

const RANK: ReadonlySet<string> = new Set<Reason["code"]>(["outranked"]);
const GANG: ReadonlySet<string> = new Set<Reason["code"]>(["gang-incomplete", "gang-does-not-fit"]);

/** Positions in the list of checks. */
const MARKS = positions(({ reads }) => reads === "marks");
const AMOUNTS = positions(({ reads }) => reads === "amounts");
const PODS = positions(({ reads }) => reads === "pods");
const FLEET = positions(({ reads }) => reads === "fleet");
const NONE = CHECKS.length;

/** The first refusal in the order of the list, with every answer kept for as long as it holds. */
function createFirstRefusal(context: FitContext): (pod: PodInput, place: Place) => Reason | null {
  const byWhere = new Map<number, Map<Place, number>>();
  const byAsk = new Map<number, Map<Place, number>>();
  const byKind = new Map<number, Map<Place, number>>();
  const refusalAt = (at: number, pod: PodInput, place: Place): Reason | null =>
    CHECKS[at]?.refusal(pod, place, context) ?? null;
  const firstOf = (list: readonly number[], pod: PodInput, place: Place): number =>
    list.find((at) => refusalAt(at, pod, place) !== null) ?? NONE;

  return (pod, place) => {
    const { id, where, ask, spread } = context.kinds.of(pod);
    const opens = spread.length > 0;
    // The domains that the node would bring count, as they do when it is opened.
    if (opens) context.topology.open(place);
    const at = Math.min(
      known(within(byKind, id), place, () =>
        Math.min(
          known(within(byWhere, where), place, () => firstOf(MARKS, pod, place)),
          known(within(byAsk, ask), place, () => firstOf(AMOUNTS, pod, place)),
          firstOf(PODS, pod, place),
        ),
      ),
      firstOf(FLEET, pod, place),
    );
    // Asked of the pod itself: claims and groups have names of its own.
    const reason = refusalAt(at, pod, place);
    if (opens) context.topology.close(place);
    return reason;
  };
}

function positions(picks: (check: Check) => boolean): readonly number[] {
  return CHECKS.flatMap((check, at) => (picks(check) ? [at] : []));
}

function within<K, V>(maps: Map<K, Map<Place, V>>, key: K): Map<Place, V> {
  return known(maps, key, () => new Map<Place, V>());
}

function known<K, V>(values: Map<K, V>, key: K, make: () => V): V {
  const before = values.get(key);
  if (before !== undefined) return before;
  const value = make();
  values.set(key, value);
  return value;
}
