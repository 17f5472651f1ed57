// What the steps of one decision share while they look for places: the board, the limits, the market, and where each
// pod has been put. Each step adds to it in the order of precedence; nothing here outlives the decision.

import type { Reason } from "../../../shared/model/reasons.ts";
import { createFeasibility } from "../fit/feasible.ts";
import type { Feasible } from "../fit/feasible.ts";
import { createKinds } from "../fit/kind.ts";
import type { Kinds } from "../fit/kind.ts";
import { newPlace } from "../fit/place.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import type { NodeState } from "../fleet/standing.ts";
import { createLedger } from "../limits/limits.ts";
import type { Ledger, LedgerInputs } from "../limits/limits.ts";
import { createMarket } from "../market/market.ts";
import type { Market } from "../market/market.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { NoticeInput, Snapshot } from "../snapshot.ts";
import type { Bin } from "./bin.ts";
import { createBoard } from "./board.ts";
import type { Board } from "./board.ts";
import type { Demand } from "./demand.ts";
import { demandOf } from "./demand.ts";
import { createParts } from "./parts.ts";
import type { Parts } from "./parts.ts";
import { createWork } from "./work.ts";

export interface Packing {
  readonly fleet: Fleet;
  readonly demand: Demand;
  readonly kinds: Kinds;
  readonly board: Board;
  readonly ledger: Ledger;
  readonly market: Market;
  readonly parts: Parts;
  readonly feasible: (pod: PodInput) => Feasible;
  readonly placed: ReadonlyMap<string, Bin>;
  /** Pods without a place, and which limits kept pools from opening one. */
  readonly stuck: Map<string, readonly Reason[]>;
  /** Pods that no work was left for, by key; they come first next time. */
  readonly leftOut: string[];
  /** Keys of pods that the last decision had no work left for. */
  readonly late: ReadonlySet<string>;
  /** What the last decision placed on nodes that were to come. */
  readonly promised: NonNullable<Memory["promised"]>;
  /** Node → why it is to be replaced. */
  readonly condemned: ReadonlyMap<string, Reason>;
}

/** What of the snapshot packing reads beside the pods. */
export type PackingInputs = LedgerInputs &
  Pick<Partial<Snapshot>, "prices" | "namespaces" | "workUnits"> & {
    /** Node → why it is to be replaced. */
    readonly condemned?: ReadonlyMap<string, Reason>;
  };

export function createPacking(fleet: Fleet, pods: readonly PodInput[], inputs: PackingInputs = {}): Packing {
  const { before = EMPTY_MEMORY, prices, namespaces, workUnits, condemned = new Map() } = inputs;
  const market = createMarket(fleet, before, prices);
  const ledger = createLedger(fleet, inputs);
  const kinds = createKinds(pods, namespaces);
  for (const pod of pods) kinds.of(pod);
  const board = createBoard(fleet, kinds);
  const feasible = createFeasibility(fleet.pools, { kinds, topology: board.topology });
  const demand = demandOf(fleet, pods, feasible, {
    condemned,
    ...(before.leftOut === undefined ? {} : { leftOut: before.leftOut }),
  });
  // What runs on a node that goes is counted where it goes.
  for (const state of fleet.nodes)
    if (isGoing(state) || demand.replaced.has(state.name)) board.leave(state.name);
  return {
    fleet,
    demand,
    kinds,
    board,
    ledger,
    market,
    parts: createParts({ fleet, board, ledger, market, demand, work: createWork(workUnits) }),
    feasible,
    placed: board.placed,
    stuck: new Map(),
    leftOut: [],
    late: new Set(before.leftOut),
    promised: before.promised ?? {},
    condemned,
  };
}

function isGoing({ notice, draining, standing }: NodeState): boolean {
  return notice !== null || draining || standing === "leaving";
}

/** True when the pod has a place on a node that is here, is coming, or was opened before in this decision. */
export function settle({ placed, parts }: Packing, pod: PodInput): boolean {
  return placed.has(pod.key) || parts.placer.seat(pod) !== null;
}

/** Opens a node for the pod in the first pool that may grow and where other pods let it be; others are passed over. */
export function openFor(
  { parts, board, kinds, stuck }: Packing,
  pod: PodInput,
  pools: readonly PoolState[],
  notice: NoticeInput | null,
): boolean {
  const refusals: Reason[] = [];
  for (const pool of pools) {
    const { shape } = pool;
    const place = newPlace(pool, -1);
    if (shape === null || place === null) continue;
    if (!parts.admission.admitsNew(kinds.of(pod), { ...place, face: board.faceOf(pool) })) continue;
    const refusal = notice === null ? parts.purchases.refusal(pool) : parts.purchases.refusalAtOnce(pool);
    if (refusal !== null) {
      refusals.push(refusal);
      continue;
    }
    board.put(parts.purchases.open({ pool, shape }, notice), pod);
    return true;
  }
  stuck.set(pod.key, refusals);
  return false;
}
