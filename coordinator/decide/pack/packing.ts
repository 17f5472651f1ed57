// What the steps of one decision share while they look for places: the board, the ledger, and where each pod has
// been put. Each step adds to it in the order of precedence; nothing here outlives the decision.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { createLedger } from "../limits/limits.ts";
import type { Ledger } from "../limits/limits.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { NoticeInput } from "../snapshot.ts";
import type { Demand } from "./demand.ts";
import { demandOf } from "./demand.ts";
import { createFeasibility } from "./fit.ts";
import type { Feasible } from "./fit.ts";
import { createBoard, open, place } from "./pack.ts";
import type { Bin, Board } from "./pack.ts";

export interface Packing {
  readonly fleet: Fleet;
  readonly demand: Demand;
  readonly board: Board;
  readonly ledger: Ledger;
  readonly feasible: (pod: PodInput) => Feasible;
  readonly placed: Map<string, Bin>;
  /** Pods without a place, and which limits kept pools from opening one. */
  readonly stuck: Map<string, readonly Reason[]>;
}

export function createPacking(fleet: Fleet, pods: readonly PodInput[]): Packing {
  const feasible = createFeasibility(fleet.pools);
  return {
    fleet,
    demand: demandOf(fleet, pods, feasible),
    board: createBoard(fleet),
    ledger: createLedger(fleet),
    feasible,
    placed: new Map(),
    stuck: new Map(),
  };
}

/** True when the pod has a place on a node that is here, is coming, or was opened before in this decision. */
export function settle(packing: Packing, pod: PodInput): boolean {
  if (packing.placed.has(pod.key)) return true;
  const bin = place(packing.board, pod);
  if (bin !== null) packing.placed.set(pod.key, bin);
  return bin !== null;
}

/**
 * Opens a node for the pod in the first pool that may grow. A pool that is full is passed over; a pool that pauses
 * (`pauseOf`) is chosen all the same and its node held, so that a pause never sends pods to a dearer pool.
 */
export function openFor(
  packing: Packing,
  pod: PodInput,
  pools: readonly PoolState[],
  options: { readonly notice: NoticeInput | null; readonly pauseOf: (pool: PoolState) => Reason | null },
): boolean {
  const refusals: Reason[] = [];
  for (const pool of pools) {
    if (pool.shape === null) continue;
    const held = options.pauseOf(pool);
    const refusal = held === null ? packing.ledger.refusal(pool) : heldRefusal(packing, pool);
    if (refusal !== null) {
      packing.ledger.note(pool, refusal);
      refusals.push(refusal);
      continue;
    }
    if (held === null) packing.ledger.take(pool);
    else packing.ledger.note(pool, held);
    open(packing.board, pool, pool.shape, { notice: options.notice, held });
    return settle(packing, pod);
  }
  packing.stuck.set(pod.key, refusals);
  return false;
}

/** Nodes that are held take nothing from the limits that pools share; in their own pool they must fit. */
function heldRefusal({ board, ledger }: Packing, pool: PoolState): Reason | null {
  const held = board.bins.filter((bin) => bin.held !== null && bin.pool === pool).length;
  const maximum = pool.pool.maxSize;
  return pool.planned + ledger.added(pool).nodes + held < maximum
    ? null
    : { code: "at-maximum", scope: "pool", maximum };
}
