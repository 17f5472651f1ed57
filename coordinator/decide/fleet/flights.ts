// What the journal says about moves that were begun: which are still on their way, which nodes are on their way
// out, and what failed when. The journal is written before each call, so a move found here may already have
// happened; it counts as happened until the act layer has settled it.

import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { READING_LAGS_MS } from "../../../shared/model/group-reading.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Journal } from "../snapshot-memory.ts";
import { MOST_NODES } from "./sane-value.ts";

/** An intent that nobody has settled for so long is not on its way any more. */
const INTENT_EXPIRES_MS = 15 * 60_000;

export interface Flight {
  readonly key: string;
  readonly forMs: Millis;
}

function ageMs(move: MoveState, at: EpochMs): Millis {
  return elapsed(parseInstant(move.at) ?? at, at);
}

function isIntended(move: MoveState, at: EpochMs): boolean {
  return move.phase === "intended" && ageMs(move, at) <= INTENT_EXPIRES_MS;
}

function adds(move: MoveState): boolean {
  return move.kind === "grow" || move.kind === "replace";
}

interface Sorted {
  readonly byPool: ReadonlyMap<string, readonly MoveState[]>;
  readonly byNode: ReadonlyMap<string | undefined, readonly MoveState[]>;
}

/** By the very list: one decision asks the same journal for each of its pools and nodes, several times. */
const sorted = new WeakMap<Journal["moves"], Sorted>();
const NO_MOVES: readonly MoveState[] = [];

function sortedMoves({ moves }: Journal): Sorted {
  const known = sorted.get(moves);
  if (known !== undefined) return known;
  const made = {
    byPool: Map.groupBy(moves, ({ pool }) => pool),
    byNode: Map.groupBy(moves, ({ node }) => node),
  };
  sorted.set(moves, made);
  return made;
}

/** The journal's moves of one pool, in their order. */
export function movesOf(journal: Journal, pool: string): readonly MoveState[] {
  return sortedMoves(journal).byPool.get(pool) ?? NO_MOVES;
}

/** Nodes that a move takes, or took, for this reason, and since when; `open`: it is on its way. */
export function begunFor(
  journal: Journal,
  pool: string,
  disruption: Disruption,
): readonly { readonly node: string; readonly since: EpochMs; readonly open: boolean }[] {
  return movesOf(journal, pool).flatMap((move) => {
    const since = parseInstant(move.at);
    if (move.disruption !== disruption || move.node === undefined || since === null) return [];
    const open = move.phase === "intended" || move.phase === "draining";
    // What failed has moved nobody, and is tried again by its hint.
    return move.phase === "failed" ? [] : [{ node: move.node, since, open }];
  });
}

function movesOfNode(journal: Journal, node: string): readonly MoveState[] {
  return sortedMoves(journal).byNode.get(node) ?? NO_MOVES;
}

/**
 * The size that a group has after what we have just done to it, where its reading is still from before that. Nodes of one
 * batch go beside each other, so that their steps stand in the journal in any order: each is found by where it began.
 */
export function settledSize(journal: Journal, pool: string, reading: number, at: EpochMs): number {
  const steps = movesOf(journal, pool)
    .filter((move) => move.phase === "applied" && isRecent(move, at) && isSize(move.to))
    .map((move) => ({ from: move.from, to: move.to, doneAt: parseInstant(move.at) ?? at }))
    .sort((a, b) => a.doneAt - b.doneAt);
  let size = reading;
  let since = -Infinity;
  for (;;) {
    const index = steps.findIndex(({ from, doneAt }) => from === size && doneAt >= since);
    const [step] = index === -1 ? [] : steps.splice(index, 1);
    if (step === undefined) return size;
    size = step.to;
    since = step.doneAt;
  }
}

/** One from long after now was written by another clock, and is no newer than the reading for that. */
function isRecent(move: MoveState, at: EpochMs): boolean {
  return Math.abs((parseInstant(move.at) ?? at) - at) <= READING_LAGS_MS;
}

/** The size that the pool has or is about to have: the group's, or the target of a growth that was begun. */
export function plannedSize(journal: Journal, pool: string, size: number, at: EpochMs): number {
  let planned = size;
  for (const move of movesOf(journal, pool)) {
    if (move.pool !== pool || !adds(move) || !isSize(move.to)) continue;
    if (isIntended(move, at)) planned = Math.max(planned, move.to);
  }
  return planned;
}

/** What we last set the pool's size to, for when the group cannot be read; 0 when we never did. */
export function lastTarget(journal: Journal, pool: string): number {
  const set = movesOf(journal, pool).findLast(
    (move) => move.pool === pool && (move.phase === "applied" || move.phase === "intended"),
  );
  return set !== undefined && isSize(set.to) ? set.to : 0;
}

function isSize(nodes: number): boolean {
  return Number.isInteger(nodes) && nodes >= 0 && nodes <= MOST_NODES;
}

/** A growth that was carried out or is on its way. */
export interface Growth {
  readonly key: string;
  /** When it was carried out; of one on its way when it was begun. */
  readonly at: EpochMs;
  readonly nodes: number;
  readonly onItsWay: boolean;
  /** Code of its first reason; null: an older version wrote it. */
  readonly why: string | null;
}

/** Growths of the pool that the journal still has, oldest first. */
export function growthsOf(journal: Journal, pool: string, at: EpochMs): readonly Growth[] {
  return movesOf(journal, pool)
    .flatMap((move): Growth[] => {
      const since = parseInstant(move.at);
      if (move.pool !== pool || !adds(move) || since === null || !(move.to > move.from)) return [];
      const onItsWay = isIntended(move, at);
      return onItsWay || move.phase === "applied"
        ? [{ key: move.key, at: since, nodes: move.to - move.from, onItsWay, why: move.why ?? null }]
        : [];
    })
    .sort((a, b) => a.at - b.at);
}

/** Nodes that intents still on their way add to the policy and that `additions` does not count yet. */
export function addingInFlight(journal: Journal, at: EpochMs): number {
  return journal.moves
    .filter((move) => adds(move) && isIntended(move, at) && move.to > move.from)
    .reduce((sum, move) => sum + (move.to - move.from), 0);
}

export function growthInFlight(journal: Journal, pool: string, at: EpochMs): Flight | null {
  return flight(
    movesOf(journal, pool).find((move) => move.pool === pool && adds(move) && isIntended(move, at)),
    at,
  );
}

/** A drain has its own deadline and ends by the act layer's word alone. */
function isLeaving(move: MoveState, at: EpochMs): boolean {
  return (
    (move.kind === "shrink" || move.kind === "release") && (move.phase === "draining" || isIntended(move, at))
  );
}

/** A removal that was begun and of which nobody knows yet whether it happened. */
export function unsettledRemoval(journal: Journal, pool: string, at: EpochMs): Flight | null {
  return flight(
    movesOf(journal, pool).find(
      (move) => move.pool === pool && move.phase === "intended" && isLeaving(move, at),
    ),
    at,
  );
}

export function removalsInFlight(journal: Journal, pool: string, at: EpochMs): number {
  return movesOf(journal, pool).filter((move) => move.pool === pool && isLeaving(move, at)).length;
}

export function isNodeLeaving(journal: Journal, node: string, at: EpochMs): boolean {
  return movesOfNode(journal, node).some((move) => move.node === node && isLeaving(move, at));
}

/** A group may take so long from being lowered until its member begins to go; after that the node is in use again. */
const CARRY_OUT_MS = 5 * 60_000;

/** True when this very node, not a later one of its name, was taken out of its group a moment ago. */
export function wasRemoved(journal: Journal, node: string, createdAt: EpochMs, at: EpochMs): boolean {
  return removalsDone(journal, node, createdAt).some(
    (removedAt) => removedAt === null || at - removedAt <= CARRY_OUT_MS,
  );
}

/** The same however long ago. One that no member names either is in no place of its group, also where it runs on. */
export function hasLeftGroup(journal: Journal, node: string, createdAt: EpochMs): boolean {
  return removalsDone(journal, node, createdAt).length > 0;
}

/** When the node was taken out of its group; null: nobody can read when. */
function removalsDone(journal: Journal, node: string, createdAt: EpochMs): readonly (EpochMs | null)[] {
  return movesOfNode(journal, node).flatMap((move) => {
    const takes = (move.kind === "shrink" || move.kind === "release") && move.phase === "applied";
    if (move.node !== node || !takes) return [];
    const removedAt = parseInstant(move.at);
    return removedAt === null || removedAt >= createdAt ? [removedAt] : [];
  });
}

/** When a removal of the node last failed or was refused; null when none did. */
export function removalFailedAt(journal: Journal, node: string): EpochMs | null {
  const failed = movesOfNode(journal, node).findLast(
    (move) => move.node === node && move.kind === "shrink" && move.phase === "failed" && move.undone !== true,
  );
  return failed === undefined ? null : parseInstant(failed.at);
}

/** Pools in which a replacement for this notice was begun and did not fail: with any, no other one is bought. */
export function replacingPools(journal: Journal, notice: string): ReadonlySet<string> {
  return new Set(
    journal.moves
      .filter((move) => move.phase !== "failed" && isReplacementFor(move, notice))
      .map((move) => move.pool),
  );
}

/** Pools in which the replacement for this notice was tried and failed. */
export function failedReplacements(journal: Journal, notice: string): ReadonlySet<string> {
  return new Set(
    journal.moves
      .filter((move) => move.phase === "failed" && move.undone !== true && isReplacementFor(move, notice))
      .map((move) => move.pool),
  );
}

function isReplacementFor(move: MoveState, notice: string): boolean {
  return move.kind === "replace" && move.key.endsWith(`/replace/${notice}`);
}

/** True when a removal of this member by us is on its way or done. */
export function isRemovedByUs(journal: Journal, instance: string): boolean {
  return journal.moves.some(
    (move) =>
      (move.kind === "shrink" || move.kind === "release") &&
      move.instance === instance &&
      move.phase !== "failed",
  );
}

/** True when a move with this key is on its way or done. */
export function isDone(journal: Journal, key: string): boolean {
  return journal.moves.some((move) => move.key === key && move.phase !== "failed");
}

function flight(move: MoveState | undefined, at: EpochMs): Flight | null {
  return move === undefined ? null : { key: move.key, forMs: ageMs(move, at) };
}
