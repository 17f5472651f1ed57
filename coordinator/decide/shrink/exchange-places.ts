// Places for the pods of nodes that go back to spot: on nodes of their policy that are here, coming or opened before, else
// on a spot node that is bought, where that costs less. All pods of a node get a place, or its policy buys nothing. A pod
// that is being evicted already keeps its place from all others. Which nodes are asked about is for exchange.ts.

import type { PoolState } from "../fleet/fleet.ts";
import { poolsOf } from "../fleet/fleet.ts";
import { holds } from "../pack/amounts.ts";
import type { Bin } from "../pack/bin.ts";
import { packingOrder } from "../pack/order.ts";
import type { Packing } from "../pack/packing.ts";
import type { Candidate } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { isOpenFor, isSpotQuiet, mayReplace } from "./return.ts";

/** Pods start anew, and for a while two nodes are paid: what saves less than that an hour is not worth it. */
const LEAST_SAVING = 0.1;
/** Comparing amounts is cheap beside a real check. */
const GLANCES = 16;

/** Whether nodes of the pool go back while they work. */
export function mayGoBack({ spec, pool }: PoolState): boolean {
  return (
    spec.enabled &&
    pool.capacityType === "on-demand" &&
    spec.spot.returnPolicy === "Replace" &&
    spec.spot.returnAfterSeconds !== undefined
  );
}

/** Pools of which a node may be bought for pods of this one; none while any spot of the policy failed to come lately. */
export function spotToBuy(pool: PoolState, packing: Packing): ReadonlySet<PoolState> {
  if (!isSpotQuiet(pool, packing)) return new Set();
  return new Set(
    poolsOf(packing.fleet, pool.policy).filter(
      (other) =>
        other.pool.capacityType === "spot" && other.closed === null && isOpenFor(other, pool, packing),
    ),
  );
}

/**
 * Places for pods of nodes that are being emptied, before pods that wait get any: a pod that waits takes the place that
 * was bought for another, and both need one.
 */
export function reserveForMoving(packing: Packing): void {
  const { fleet, demand } = packing;
  for (const pod of demand.early) {
    if (pod.node === null || packing.placed.has(pod.key)) continue;
    const pool = fleet.poolsById.get(fleet.nodesByName.get(pod.node)?.poolId ?? "");
    if (pool !== undefined && mayGoBack(pool)) seat(pod, pool, packing);
  }
}

/**
 * The pools of the nodes that were opened; null: not all of its pods have a place, or what is bought saves too little, or
 * takes too much of what may be bought. Then the caller takes back what was tried.
 */
export function rehouse(
  { pool, state, pods }: Candidate,
  packing: Packing,
  spot: ReadonlySet<PoolState>,
): readonly PoolState[] | null {
  const { board, parts, market } = packing;
  const usdPerHour = market.offerOf(pool).effectiveUsdPerHour;
  if (usdPerHour === null || parts.work.left <= 0) return null;
  const before = board.bins.length;
  board.leave(state.name);
  const placed = pods
    .toSorted(packingOrder)
    .every((pod) => seat(pod, pool, packing) || openOn(spot, pod, pods.length, packing));
  if (!placed) return null;
  const bought = board.bins.slice(before);
  // One that is not asked for now would be asked for by nobody else.
  if (bought.some(({ held }) => held !== null)) return null;
  const pools = bought.flatMap((bin) => bin.pool ?? []);
  if (pools.length > 0 && takesTooMuch(pool, packing)) return null;
  let cost = 0;
  for (const other of pools) cost += market.offerOf(other).effectiveUsdPerHour ?? Infinity;
  return cost <= usdPerHour * (1 - LEAST_SAVING) ? pools : null;
}

/** Half of what may be added in ten minutes is for pods that come, and one may always be tried. */
function takesTooMuch(pool: PoolState, { ledger }: Packing): boolean {
  const { allowed, added } = ledger.rateOf(pool);
  return added > Math.ceil(allowed / 2);
}

/**
 * In its own policy and on what does not go back itself, or the pod would be moved twice; on the same GPUs, since nobody
 * asked for others.
 */
function seat(pod: PodInput, pool: PoolState, { board, parts, fleet }: Packing): boolean {
  const kind = board.kinds.of(pod);
  const ask = board.amounts.askOf(kind);
  const isHome = ({ node, pool: of }: Bin): boolean => {
    const id = node === null ? null : (fleet.nodesByName.get(node)?.poolId ?? null);
    const own = id === null ? of : (fleet.poolsById.get(id) ?? null);
    if (own === null || own.policy !== pool.policy || own.closed !== null) return false;
    return !mayGoBack(own) && mayReplace(own, pool);
  };
  const found = board.bins.find((bin) => {
    parts.work.use(1 / GLANCES);
    if (!bin.usable || !holds(board.left, bin.id * board.amounts.width, ask) || !isHome(bin)) return false;
    parts.work.use(1);
    return parts.admission.verdict(kind, bin, pod) === "fits";
  });
  if (found === undefined) return false;
  board.put(found, pod);
  return true;
}

function openOn(
  spot: ReadonlySet<PoolState>,
  pod: PodInput,
  alike: number,
  { board, parts }: Packing,
): boolean {
  if (spot.size === 0) return false;
  const option = parts.openings.best(board.kinds.of(pod), alike, (range) =>
    range.options.some((one) => spot.has(one.pool)),
  );
  if (option === null || !spot.has(option.pool)) return false;
  board.put(parts.purchases.open(option, null), pod);
  return true;
}
