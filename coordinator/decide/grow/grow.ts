// New nodes for pods that wait, as many as packing them takes and never a share of their number; and the moves of
// all that this decision adds. One growth for each pool and cycle, whatever asked for it.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { growthInFlight } from "../fleet/flights.ts";
import { upCooldownLeft } from "../limits/cooldown.ts";
import type { Steps } from "../limits/steps.ts";
import { waitedMs } from "../pack/demand.ts";
import { signature } from "../pack/fit.ts";
import { put } from "../pack/pack.ts";
import { openFor, settle } from "../pack/packing.ts";
import type { Packing } from "../pack/packing.ts";
import type { Grow } from "../plan.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { rank } from "./rank.ts";

export function growForPods(packing: Packing): void {
  const { fleet, demand, feasible } = packing;
  const left = new Map<string, number>();
  for (const pod of demand.waiting) left.set(signature(pod), (left.get(signature(pod)) ?? 0) + 1);
  for (const pod of demand.waiting) {
    const pods = left.get(signature(pod)) ?? 1;
    left.set(signature(pod), pods - 1);
    if (settle(packing, pod)) continue;
    const oldEnough = feasible(pod).pools.filter(
      (pool) => waitedMs(pod, fleet.at) >= pool.spec.pendingPodTimeoutSeconds * 1000,
    );
    const pools = rank(oldEnough, { requests: pod.requests, pods });
    openFor(packing, pod, pools, { notice: null, pauseOf: (pool) => pauseOf(pool, fleet) });
  }
  placeEarly(packing);
}

/** Pods that open nothing yet use the room that is left, so that nobody takes it for free. */
function placeEarly(packing: Packing): void {
  for (const pod of packing.demand.early) {
    const nominated = pod.nominatedNode === null ? undefined : packing.board.byNode.get(pod.nominatedNode);
    if (nominated === undefined) {
      settle(packing, pod);
      continue;
    }
    put(nominated, pod);
    packing.placed.set(pod.key, nominated);
  }
}

/** Why growth for demand waits in this pool: its last growth is not settled, or not long ago. */
export function pauseOf(pool: PoolState, fleet: Fleet): Reason | null {
  const flight = growthInFlight(pool.journal, pool.name, fleet.at);
  if (flight !== null) return { code: "move-in-flight", key: flight.key, forMs: flight.forMs };
  const leftMs = upCooldownLeft(pool, fleet.at);
  return leftMs > 0 ? { code: "cooldown", direction: "up", leftMs } : null;
}

/** Why nodes were added for something else than pods. */
export interface Causes {
  /** Pool id → minima that were not met. */
  readonly floors: ReadonlyMap<string, readonly Reason[]>;
  /** Policy → what its GPUs do. */
  readonly heat: ReadonlyMap<string, Reason>;
}

export function growMoves({ fleet, board, ledger }: Packing, { floors, heat }: Causes, steps: Steps): Grow[] {
  const moves: Grow[] = [];
  for (const pool of fleet.pools) {
    const bins = board.bins.filter(
      (bin) => bin.pool === pool && bin.kind === "new" && bin.held === null && bin.notice === null,
    );
    const added = ledger.added(pool);
    const nodes = bins.length + added.minimum + added.utilization;
    if (nodes === 0) continue;
    const pods = bins.flatMap((bin) => bin.placed);
    const hot = heat.get(pool.policy);
    const because: Reason[] = [
      ...(bins.length > 0 ? [pendingReason(pods, fleet)] : []),
      ...(floors.get(pool.id) ?? []),
      ...(added.utilization > 0 && hot !== undefined ? [hot] : []),
    ];
    const { from, to } = steps.next(pool, nodes);
    // Without a time in it, the key of a growth long done would be the key of the next one between the same sizes.
    const cause = `${because.map(({ code }) => code).join("+")}-${from}-${to}-after-${pool.journal.lastUpAt[pool.name] ?? 0}`;
    moves.push({
      kind: "grow",
      key: `${pool.id}/grow/${cause}`,
      policy: pool.policy,
      pool: pool.name,
      from,
      to,
      because: [...because, ...ledger.noted(pool)],
      pods: pods.map((pod) => pod.key),
    });
  }
  return moves;
}

function pendingReason(pods: readonly PodInput[], { at }: Fleet): Reason {
  return {
    code: "pending-pods",
    pods: pods.length,
    gpus: pods.reduce((sum, pod) => sum + gpusIn(pod.requests), 0),
    oldestMs: millis(Math.max(0, ...pods.map((pod) => waitedMs(pod, at)))),
  };
}
