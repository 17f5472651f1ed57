// What the journal in a policy's status says, and how it changes: an intent before the call, its outcome after.
// Pure: status in, status out. Cooldowns begin with completed moves that changed something, never with a
// failure or with a target that somebody else had reached already.

import { createHash } from "node:crypto";

import type { LaunchFailureKind, MoveState, PolicyStatus } from "../../shared/contract/policy/status.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Move } from "../decide/plan.ts";
import type { Journal, OfferingMemory } from "../decide/snapshot-memory.ts";

/** Moves kept beside those in flight and those that somebody still asks for. */
export const MAX_MOVES = 50;
/**
 * A group may take so long from being lowered until its member begins to go; decisions wait as long (flights.ts). A
 * notice whose replacement is younger may still stand, and is answered once.
 */
const CARRY_OUT_MS = 5 * 60_000;
/** Readings of groups may be from before what was just done, and a decision corrects them by it (flights.ts). */
const NEWS_MS = 20_000;
/** Additions and removals are kept as long as the rates look back. */
const CHANGES_MS = 10 * 60_000;
/** Nodes go one by one: those of so short a time are one entry, by the newest of them. */
const ONE_ENTRY_MS = 5_000;

const LONGEST_DETAIL = 500;

export const EMPTY_STATUS: PolicyStatus = {
  currentNodes: 0,
  desiredNodes: 0,
  spotNodes: 0,
  onDemandNodes: 0,
  reservedNodes: 0,
  pendingPods: 0,
  spotInterruptions: 0,
  conditions: [],
  pools: [],
  moves: [],
  additions: [],
  interruptions: [],
};

/**
 * How a move ended, or that it has not. `applied`: done, and it changed something. `reached`: the target stood
 * already. `unsettled`: nobody knows yet; the next cycle reads the group and finds out.
 */
export type Outcome =
  | { readonly kind: "applied"; readonly from: number; readonly to: number; readonly detail?: string }
  | { readonly kind: "reached"; readonly size: number }
  | { readonly kind: "draining"; readonly detail: string }
  /** Nothing was called, since something more urgent has come: it is decided again. */
  | { readonly kind: "put-off" }
  | {
      readonly kind: "failed";
      readonly detail: string;
      readonly failure?: LaunchFailureKind;
      /** Nobody refused it: it was never carried out. */
      readonly undone?: boolean;
      /** When the other side said how long to wait. */
      readonly retryAfterMs?: Millis;
    }
  | { readonly kind: "unsettled"; readonly detail: string };

export interface Settled {
  readonly key: string;
  readonly outcome: Outcome;
}

export function inFlight(move: MoveState): boolean {
  return move.phase === "intended" || move.phase === "draining";
}

/**
 * Whether nobody knows yet how a growth of the pool ended. Its end is told by the size alone, so that until then
 * nothing else may change that: one who adds would take its node for his own, one who lowers would hide it.
 */
export function isGrowing(moves: readonly MoveState[], pool: string): boolean {
  return moves.some(
    (move) =>
      move.pool === pool && move.phase === "intended" && (move.kind === "grow" || move.kind === "replace"),
  );
}

/** A removal that was begun, whose node may still be here. Its marks stand, and it must not be chosen again. */
export function isUnderWay(move: MoveState, now: EpochMs): boolean {
  if (move.kind !== "shrink" && move.kind !== "release") return false;
  return inFlight(move) || (move.phase === "applied" && isYoung(move, now));
}

/** Either way: a move dated ahead by another clock is no older than one dated back. */
function isWithin(move: MoveState, ms: number, now: EpochMs): boolean {
  return Math.abs(now - (parseInstant(move.at) ?? 0)) <= ms;
}

function isYoung(move: MoveState, now: EpochMs): boolean {
  return now - (parseInstant(move.at) ?? 0) <= CARRY_OUT_MS;
}

/** What is about to be done; `placeholder`: it gives back a place that no machine fills. */
export type Intended = Move & { readonly placeholder?: boolean };

/** Writes down what is about to be done, in the status's own term. A move of the same key that is in flight stays as it is. */
export function withIntents(status: PolicyStatus, moves: readonly Intended[], at: EpochMs): PolicyStatus {
  const pending = new Set(status.moves.filter(inFlight).map(({ key }) => key));
  const fresh = moves.filter(({ key }) => !pending.has(key)).map((move) => intentOf(move, status.term, at));
  const keys = new Set(fresh.map(({ key }) => key));
  if (fresh.length === 0) return status;
  return { ...status, moves: bounded([...status.moves.filter(({ key }) => !keys.has(key)), ...fresh], at) };
}

/** Writes down how moves ended, with what follows for cooldowns and rates. */
export function withOutcomes(status: PolicyStatus, settled: readonly Settled[], at: EpochMs): PolicyStatus {
  let next = status;
  for (const { key, outcome } of settled) {
    const move = next.moves.find((candidate) => candidate.key === key && inFlight(candidate));
    if (move !== undefined) next = withOutcome(next, move, outcome, at);
  }
  return next === status ? status : { ...next, moves: bounded(next.moves, at) };
}

/** The journal as decisions read it. An instant that cannot be read is left out. */
export function journalOf(status: PolicyStatus): Journal {
  const times = (field: "lastUpAt" | "lastDownAt"): Record<string, EpochMs> =>
    Object.fromEntries(status.pools.flatMap((pool) => pair(pool.name, pool[field])));
  return {
    moves: status.moves,
    lastUpAt: times("lastUpAt"),
    lastDownAt: times("lastDownAt"),
    additions: changesOf(status.additions),
    removals: changesOf(status.removals ?? []),
    offerings: offeringsOf(status.offerings ?? []),
  };
}

function offeringsOf(offerings: NonNullable<PolicyStatus["offerings"]>): readonly OfferingMemory[] {
  return offerings.flatMap(({ lastAt, until, detail = "", ...rest }) => {
    const times = { lastAt: parseInstant(lastAt), until: parseInstant(until) };
    if (times.lastAt === null || times.until === null) return [];
    return [{ ...rest, lastAt: times.lastAt, until: times.until, detail }];
  });
}

function changesOf(changes: PolicyStatus["additions"]): Journal["additions"] {
  return changes.flatMap(({ at, nodes }) => {
    const parsed = parseInstant(at);
    return parsed === null ? [] : [{ at: parsed, nodes }];
  });
}

/** Short, the same for the same key, and fit for a label's value. */
export function moveHash(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 12);
}

function instantText(at: EpochMs): string {
  return new Date(at).toISOString();
}

function intentOf(move: Intended, term: number | undefined, at: EpochMs): MoveState {
  const why = move.because[0]?.code;
  return {
    key: move.key,
    kind: move.kind,
    pool: move.pool,
    ...("node" in move ? { node: move.node } : {}),
    ...("instance" in move ? { instance: move.instance } : {}),
    ...(move.placeholder === true ? { placeholder: true } : {}),
    ...("disruption" in move && move.disruption !== undefined ? { disruption: move.disruption } : {}),
    from: move.from,
    to: move.to,
    phase: "intended",
    at: instantText(at),
    ...(why === undefined ? {} : { why }),
    ...(term === undefined ? {} : { term }),
  };
}

function withOutcome(status: PolicyStatus, move: MoveState, told: Outcome, at: EpochMs): PolicyStatus {
  const outcome = shortened(told);
  switch (outcome.kind) {
    case "unsettled":
      return withMove(status, { ...move, detail: outcome.detail });
    case "put-off":
      return { ...status, moves: status.moves.filter(({ key }) => key !== move.key) };
    case "draining":
      return withMove(status, { ...move, phase: "draining", detail: outcome.detail });
    case "failed":
      return withMove(status, {
        ...move,
        phase: "failed",
        at: instantText(at),
        detail: outcome.detail,
        ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
        ...(outcome.undone === undefined ? {} : { undone: outcome.undone }),
      });
    case "reached":
      return withMove(status, {
        ...move,
        // Nothing was lowered: a size that we have made would be believed before the group is read again.
        ...(move.kind === "release" ? { from: outcome.size, to: outcome.size } : {}),
        phase: "applied",
        at: instantText(at),
        detail: `the group had ${outcome.size} already`,
      });
    case "applied": {
      const { from, to, detail } = outcome;
      const done: MoveState = {
        ...move,
        from,
        to,
        phase: "applied",
        at: instantText(at),
        ...(detail === undefined ? {} : { detail }),
      };
      return withConsequences(withMove(status, done), done, at);
    }
    default:
      return outcome satisfies never;
  }
}

/** An error may bring a whole page along, and each move of a policy stands in one object. */
function shortened(outcome: Outcome): Outcome {
  if (!("detail" in outcome) || (outcome.detail?.length ?? 0) <= LONGEST_DETAIL) return outcome;
  return { ...outcome, detail: `${outcome.detail?.slice(0, LONGEST_DETAIL - 1)}…` };
}

/**
 * A replacement counts for the rate but starts no cooldown: it restores what the pool had, and the demand that
 * comes next must not wait for it. A release of what the cloud takes is the cloud's doing, not a decision to have less;
 * one of a machine that never came to be a node is ours, and counts for the rate.
 */
function withConsequences(status: PolicyStatus, move: MoveState, at: EpochMs): PolicyStatus {
  const text = instantText(at);
  const changed = { at: text, nodes: Math.abs(move.to - move.from) };
  const kept = {
    ...status,
    additions: recent(status.additions, at),
    ...(status.removals === undefined ? {} : { removals: recent(status.removals, at) }),
  };
  switch (move.kind) {
    case "grow":
      return {
        ...withPool(kept, move.pool, { lastUpAt: text }),
        lastScaleUpTime: text,
        additions: [...kept.additions, changed],
      };
    case "replace":
      return { ...kept, lastScaleUpTime: text, additions: [...kept.additions, changed] };
    case "shrink":
      return {
        ...withPool(kept, move.pool, { lastDownAt: text }),
        lastScaleDownTime: text,
        removals: withRemoval(kept.removals ?? [], changed),
      };
    case "release":
      return move.disruption === undefined
        ? kept
        : { ...kept, removals: withRemoval(kept.removals ?? [], changed) };
    default:
      return move.kind satisfies never;
  }
}

function recent(changes: PolicyStatus["additions"], at: EpochMs): PolicyStatus["additions"] {
  return changes.filter((change) => (parseInstant(change.at) ?? 0) > at - CHANGES_MS);
}

function withRemoval(
  removals: PolicyStatus["additions"],
  removal: PolicyStatus["additions"][number],
): PolicyStatus["additions"] {
  const last = removals.at(-1);
  const at = parseInstant(removal.at);
  const lastAt = last === undefined ? null : parseInstant(last.at);
  if (last === undefined || at === null || lastAt === null || Math.abs(at - lastAt) >= ONE_ENTRY_MS)
    return [...removals, removal];
  return [...removals.slice(0, -1), { at: removal.at, nodes: last.nodes + removal.nodes }];
}

function withPool(
  status: PolicyStatus,
  name: string,
  change: { readonly lastUpAt?: string; readonly lastDownAt?: string },
): PolicyStatus {
  const known = status.pools.some((pool) => pool.name === name);
  const pools = known ? status.pools : [...status.pools, { name, ready: 0, booting: 0 }];
  return { ...status, pools: pools.map((pool) => (pool.name === name ? { ...pool, ...change } : pool)) };
}

/** The newest last, so that what is dropped first is what ended longest ago. */
function withMove(status: PolicyStatus, move: MoveState): PolicyStatus {
  const others = status.moves.filter(({ key }) => key !== move.key);
  if (move.phase !== "applied" && move.phase !== "failed") {
    return { ...status, moves: status.moves.map((known) => (known.key === move.key ? move : known)) };
  }
  return { ...status, moves: [...others, move] };
}

function bounded(moves: readonly MoveState[], at: EpochMs): MoveState[] {
  const isAskedFor = (move: MoveState): boolean =>
    inFlight(move) ||
    isUnderWay(move, at) ||
    (move.kind === "replace" && isYoung(move, at)) ||
    (move.phase === "applied" && isWithin(move, NEWS_MS, at));
  let spare = moves.filter((move) => !isAskedFor(move)).length - MAX_MOVES;
  return moves.filter((move) => {
    if (spare <= 0 || isAskedFor(move)) return true;
    spare--;
    return false;
  });
}

function pair(name: string, text: string | undefined): readonly (readonly [string, EpochMs])[] {
  const at = text === undefined ? null : parseInstant(text);
  return at === null ? [] : [[name, at]];
}
