// Signs that machines of a pool do not come, and that one has come after all: members that their group calls failed,
// calls that their back end refused, and clocks that ran out. What follows from them is worked out in failures.ts.

import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { growthsOf, movesOf } from "../fleet/flights.ts";
import { failedKey, offeringOf, offeringOfInstance, offeringOfNode, ownKey } from "../fleet/offering.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { InstanceInput } from "../snapshot.ts";

export interface Sighting {
  readonly offering: string;
  readonly kind: LaunchFailureKind;
  /** When it failed, or was first seen to have. */
  readonly at: EpochMs;
  /** When it had been asked for. */
  readonly askedAt: EpochMs;
  readonly detail: string;
}

export function sightingsOf(pool: PoolState, memory: Memory, at: EpochMs): readonly Sighting[] {
  return [
    ...failedInstances(pool, memory, at),
    ...failedChange(pool, at),
    ...refusedCalls(pool),
    ...lateMachines(pool),
  ];
}

function* failedInstances(pool: PoolState, memory: Memory, at: EpochMs): Generator<Sighting> {
  for (const instance of pool.input.instances) {
    if (instance.state !== "failed") continue;
    // A group that does not say why has not said that there is no capacity.
    const { kind, detail } = instance.failure ?? {
      kind: "unavailable",
      detail: "the group does not say why",
    };
    const seenAt = memory.failedSince?.[failedKey(pool, instance)] ?? at;
    const times =
      instance.placeholder === true
        ? timesOfPlace(pool, instance, seenAt, at)
        : { at: seenAt, askedAt: instance.createdAt ?? seenAt };
    if (times === null) continue;
    yield {
      offering: isOfStock(kind) ? offeringOfInstance(instance, pool) : ownKey(pool),
      kind,
      ...times,
      detail,
    };
  }
}

/** So long after a growth its group may still be shown as it was before. */
const READING_LAGS_MS = 15_000;

/**
 * A place that failed belongs to the growth that asked for it, however many of them fail and whichever name it has by
 * then: each growth fails once. Null: it was seen before the last growth and may be shown no more in a moment.
 */
function timesOfPlace(
  pool: PoolState,
  instance: InstanceInput,
  seenAt: EpochMs,
  at: EpochMs,
): Pick<Sighting, "at" | "askedAt"> | null {
  const asked = growthsOf(pool.journal, pool.name, at).at(-1)?.at;
  if (asked === undefined) return { at: seenAt, askedAt: instance.createdAt ?? pool.launch?.since ?? seenAt };
  if (seenAt >= asked) return { at: seenAt, askedAt: asked };
  return at - asked <= READING_LAGS_MS ? null : { at, askedAt: asked };
}

/** What a cloud could not make it may also take out of the size again, so that no place of the group tells of it. */
function* failedChange(pool: PoolState, at: EpochMs): Generator<Sighting> {
  const { group } = pool.input;
  if (group.kind !== "known" || group.changeFailure === undefined) return;
  const { kind, detail } = group.changeFailure;
  // The change may have been a removal, which fails for reasons of its own.
  if (kind !== "no-capacity" && kind !== "quota") return;
  const asked = growthsOf(pool.journal, pool.name, at).at(-1)?.at;
  // It may be shown still, and be that of the growth before.
  if (asked === undefined || at - asked <= READING_LAGS_MS) return;
  yield { offering: isOfStock(kind) ? offeringOf(pool) : ownKey(pool), kind, at, askedAt: asked, detail };
}

function* refusedCalls(pool: PoolState): Generator<Sighting> {
  for (const move of movesOf(pool.journal, pool.name)) {
    if (move.pool !== pool.name || move.phase !== "failed" || move.failure === undefined) continue;
    const at = parseInstant(move.at);
    if (at === null) continue;
    yield {
      offering: isOfStock(move.failure) ? offeringOf(pool) : ownKey(pool),
      kind: move.failure,
      at,
      askedAt: at,
      detail: move.detail ?? "",
    };
  }
}

function* lateMachines(pool: PoolState): Generator<Sighting> {
  for (const late of pool.late) {
    yield {
      offering: late.instance === null ? offeringOf(pool) : offeringOfInstance(late.instance, pool),
      kind: "timed-out",
      at: late.dueAt,
      askedAt: late.askedAt,
      detail: late.what,
    };
  }
}

/** Whether the failure is one of what a cloud has, not of who asks. */
function isOfStock(kind: LaunchFailureKind): boolean {
  return kind === "no-capacity" || kind === "timed-out";
}

/**
 * True when a machine that was asked for after the failure is here, or one that had failed comes after all. One that
 * was asked for before it, in the same call, only took longer and says nothing of what comes next.
 */
export function hasCome(pool: PoolState, failure: OfferingMemory, memory: Memory, at: EpochMs): boolean {
  const isOfFailure = (offering: string): boolean =>
    [offeringOf(pool), ownKey(pool), offering].includes(failure.offering);
  return (
    pool.nodes.some(
      (state) =>
        isThere(state, failure) &&
        isOfFailure(offeringOfNode(state.node, pool)) &&
        wasAskedAfter(state, pool, { failedAt: failure.lastAt, at }),
    ) ||
    pool.input.instances.some(
      (instance) =>
        (instance.state === "booting" || instance.state === "ready") &&
        instance.placeholder !== true &&
        memory.failedSince?.[failedKey(pool, instance)] !== undefined &&
        isOfFailure(offeringOfInstance(instance, pool)),
    )
  );
}

/** Where machines came too late, only one that works has come. */
function isThere({ standing }: NodeState, { kind }: OfferingMemory): boolean {
  return standing === "up" || (standing === "booting" && kind !== "timed-out");
}

function wasAskedAfter(
  { node, instance }: NodeState,
  pool: PoolState,
  { failedAt, at }: { readonly failedAt: EpochMs; readonly at: EpochMs },
): boolean {
  if (node.createdAt <= failedAt) return false;
  if (instance?.createdAt !== undefined) return instance.createdAt > failedAt;
  return growthsOf(pool.journal, pool.name, at).some(
    (growth) => growth.at > failedAt && growth.at <= node.createdAt,
  );
}
