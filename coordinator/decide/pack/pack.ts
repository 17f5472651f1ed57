// Where waiting pods would go: first the room on nodes that are here, then nodes that are coming, then new ones.
// First fit over pods that come biggest first; pods of one kind share a cursor, because room only ever shrinks, so
// what had none for one of them has none for the next. Which pool a new node comes from is the caller's choice.

import type { Taint } from "../../../shared/model/kube.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { minus } from "../../../shared/model/resources.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { isUsable } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import { compareText, firstDifference } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { NoticeInput } from "../snapshot.ts";
import { fits, gpuShare, signature } from "./fit.ts";

/** A node that is here, coming or to be asked for, with the room that is left on it in this decision. */
export interface Bin {
  readonly kind: "node" | "booting" | "new";
  readonly pool: PoolState | null;
  readonly node: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly free: Record<string, number>;
  readonly placed: PodInput[];
  /** The notice that a new node answers; null: pods that wait. */
  readonly notice: NoticeInput | null;
  /** Why a new node is chosen and yet not asked for in this decision. */
  readonly held: Reason | null;
}

export interface Board {
  readonly bins: Bin[];
  readonly byNode: Map<string, Bin>;
  /** Per kind of pod: the first bin that may still have room. */
  readonly cursors: Map<string, number>;
}

export function createBoard(fleet: Fleet): Board {
  const board: Board = { bins: [], byNode: new Map(), cursors: new Map() };
  for (const state of fleet.nodes.filter(isUsable)) {
    const bin = binOfNode(state);
    board.bins.push(bin);
    board.byNode.set(state.name, bin);
  }
  for (const pool of fleet.pools) {
    if (pool.shape === null) continue;
    for (let count = 0; count < pool.booting; count++)
      board.bins.push(binOfShape("booting", pool, pool.shape, null, null));
  }
  return board;
}

/** Puts the pod on the first bin that takes it; null when none does. */
export function place(board: Board, pod: PodInput): Bin | null {
  const kind = signature(pod);
  for (let at = board.cursors.get(kind) ?? 0; at < board.bins.length; at++) {
    const bin = board.bins[at];
    if (bin === undefined || !fits(pod, bin)) continue;
    board.cursors.set(kind, at);
    put(bin, pod);
    return bin;
  }
  board.cursors.set(kind, board.bins.length);
  return null;
}

/** One more new node of the pool; it must have a shape. */
export function open(
  board: Board,
  pool: PoolState,
  shape: NodeShape,
  why: Pick<Bin, "notice" | "held">,
): Bin {
  const bin = binOfShape("new", pool, shape, why.notice, why.held);
  board.bins.push(bin);
  return bin;
}

export function put(bin: Bin, pod: PodInput): void {
  for (const name in pod.requests) bin.free[name] = (bin.free[name] ?? 0) - (pod.requests[name] ?? 0);
  bin.placed.push(pod);
}

/**
 * Where these pods would go if their node went: nodes that are here and stay, as full as this decision leaves
 * them. Null and the first pod without a place when they do not all fit; else the moves, not yet made.
 */
export function elsewhere(
  board: Board,
  pods: readonly PodInput[],
  node: string,
):
  | { readonly kind: "fits"; readonly moves: readonly (readonly [Bin, PodInput])[] }
  | { readonly kind: "stuck"; readonly pod: string } {
  const trial = new Map<Bin, Bin>();
  const moves: (readonly [Bin, PodInput])[] = [];
  for (const pod of pods.toSorted(packingOrder)) {
    const target = board.bins.find(
      (bin) => bin.kind === "node" && bin.node !== node && fits(pod, trial.get(bin) ?? bin),
    );
    if (target === undefined) return { kind: "stuck", pod: pod.key };
    const copy = trial.get(target) ?? { ...target, free: { ...target.free }, placed: [] };
    put(copy, pod);
    trial.set(target, copy);
    moves.push([target, pod]);
  }
  return { kind: "fits", moves };
}

/** Takes a node off the board: nothing is placed there any more. */
export function withdraw(board: Board, node: string): void {
  const bin = board.byNode.get(node);
  if (bin === undefined) return;
  board.byNode.delete(node);
  board.bins.splice(board.bins.indexOf(bin), 1);
  board.cursors.clear();
}

/** Urgent first, then the hardest to place: share of physical cards, memory, cpu; then the oldest; then the name. */
export function packingOrder(a: PodInput, b: PodInput): number {
  return firstDifference(
    b.priority - a.priority,
    gpuShare(b.requests) - gpuShare(a.requests),
    (b.requests["memory"] ?? 0) - (a.requests["memory"] ?? 0),
    (b.requests["cpu"] ?? 0) - (a.requests["cpu"] ?? 0),
    a.createdAt - b.createdAt,
    compareText(a.key, b.key),
  );
}

function binOfNode(state: NodeState): Bin {
  const { labels, taints, allocatable } = state.node;
  const free: Record<string, number> = { ...allocatable };
  for (const pod of state.pods)
    for (const name in pod.requests) free[name] = (free[name] ?? 0) - (pod.requests[name] ?? 0);
  return {
    kind: "node",
    pool: null,
    node: state.name,
    labels,
    taints,
    free,
    placed: [],
    notice: null,
    held: null,
  };
}

function binOfShape(
  kind: "booting" | "new",
  pool: PoolState,
  shape: NodeShape,
  notice: NoticeInput | null,
  held: Reason | null,
): Bin {
  return {
    kind,
    pool,
    node: null,
    labels: shape.labels,
    taints: shape.taints,
    free: { ...minus(shape.allocatable, {}) },
    placed: [],
    notice,
    held,
  };
}
