// `behavior` applied to the pools of a fleet: by how many nodes demand may raise a pool now and by how many it may
// fall, and what the next decision has to remember for it. Minima, schedules, headroom and replacements do not wait
// for it: they are no events here, and no bound of this file holds them.

import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { movesOf } from "../fleet/flights.ts";
import { workloads } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { BehaviorMemory, Memory } from "../snapshot-memory.ts";
import { horizonsOf } from "./behavior-rules.ts";
import { nextSize } from "./behavior.ts";

/** Nodes by which demand may change a pool in this decision, and what keeps it from more. */
export interface Pace {
  readonly up: number;
  readonly upBecause: Reason | null;
  readonly down: number;
  readonly downBecause: Reason | null;
}

/** Not of these reasons: the node is replaced by another one, so the size is not what changes. */
const IN_EXCHANGE: readonly Disruption[] = ["Expired", "Unhealthy", "Return", "Rebalance"];

export function waitsForBehavior(disruption: Disruption): boolean {
  return !IN_EXCHANGE.includes(disruption);
}

/** Null: the policy has no `behavior`. */
export function paceOf(
  pool: PoolState,
  history: BehaviorMemory,
  removable: number,
  at: EpochMs,
): Pace | null {
  const { behavior } = pool.spec;
  if (behavior === undefined) return null;
  const current = pool.planned;
  // Pool limits hold elsewhere; a pool above its maximum must not count as one that may grow.
  const question = {
    current,
    min: 0,
    max: Math.max(pool.pool.maxSize, current),
    gpusPerNode: pool.gpusPerNode,
    at,
  };
  const higher = nextSize(behavior, { ...question, desired: question.max }, history);
  const lower = nextSize(behavior, { ...question, desired: Math.max(0, current - removable) }, history);
  return {
    up: higher.size - current,
    upBecause: higher.because,
    down: current - lower.size,
    downBecause: lower.because,
  };
}

/** Nodes that nobody needs by their timers, and those on their way out: what the pool is recommended to have less. */
export function removableNodes(pool: PoolState, timers: Memory["nodes"], at: EpochMs): number {
  return pool.nodes.filter((state) => state.draining || isSpare(state, pool, timers, at)).length;
}

function isSpare(state: NodeState, { spec }: PoolState, timers: Memory["nodes"], at: EpochMs): boolean {
  const known = timers[state.name];
  if (known === undefined || state.standing !== "up") return false;
  const lasted = (since: EpochMs | null | undefined, seconds: number): boolean =>
    since !== null && since !== undefined && elapsed(since, at) >= seconds * 1000;
  return workloads(state).length === 0
    ? lasted(known.emptySince, spec.emptySeconds)
    : lasted(known.idleSince, spec.idleSeconds) ||
        (spec.consolidation.enabled && lasted(known.movableSince, spec.consolidation.afterSeconds));
}

/** What was remembered and what has happened since, by the journal. At first sight the size as it is counts as wanted. */
export function historyOf(pool: PoolState, memory: Memory, at: EpochMs): BehaviorMemory {
  const known = memory.behavior?.[pool.id];
  const { behavior } = pool.spec;
  if (behavior === undefined) return known ?? { recommendations: [], ups: [], downs: [] };
  const horizons = horizonsOf(behavior);
  // Without a memory the journal alone tells, as far back as any rule looks. What happened at the very instant of a
  // decision came after it.
  const since = known === undefined ? at - horizons.events : (memory.at ?? at - horizons.events);
  const events = movesOf(pool.journal, pool.name).flatMap((move) => {
    const event = move.pool === pool.name ? eventOf(move, known?.exempt ?? {}) : null;
    return event !== null && event.at >= since && event.at < at ? [event] : [];
  });
  const young = (list: BehaviorMemory["ups"]) => list.filter((event) => event.at > at - horizons.events);
  const made = (direction: "up" | "down") =>
    events
      .filter((event) => event.direction === direction)
      .map((event) => ({ at: event.at, nodes: event.nodes }));
  return {
    recommendations: known?.recommendations ?? [{ at, nodes: pool.planned }],
    ups: young([...(known?.ups ?? []), ...made("up")]),
    downs: young([...(known?.downs ?? []), ...made("down")]),
    ...(known?.exempt === undefined ? {} : { exempt: known.exempt }),
  };
}

interface Event {
  readonly at: EpochMs;
  readonly direction: "up" | "down";
  readonly nodes: number;
}

/** Only what really happened, and of that only what demand or its end asked for. */
function eventOf(move: MoveState, exempt: Readonly<Record<string, number>>): Event | null {
  if (move.phase !== "applied" || (move.kind !== "grow" && move.kind !== "shrink")) return null;
  const at = parseInstant(move.at);
  const change = move.to - move.from;
  const nodes = Math.abs(change) - (exempt[move.key] ?? 0);
  if (at === null || !(nodes > 0)) return null;
  return { at, direction: change > 0 ? "up" : "down", nodes };
}

/** What the next decision looks back on. `wanted`: the size that this one recommends, whatever keeps it from it. */
export function withRecommendation(
  pool: PoolState,
  history: BehaviorMemory,
  wanted: number,
  planned: Readonly<Record<string, number>>,
  at: EpochMs,
): BehaviorMemory {
  const { behavior } = pool.spec;
  const horizon = behavior === undefined ? 0 : horizonsOf(behavior).recommendations;
  const recent = history.recommendations.filter((known) => known.at > at - horizon && known.at <= at);
  const open = pool.journal.moves.filter(({ phase }) => phase === "intended" || phase === "draining");
  const kept = open.flatMap(({ key }) => {
    const nodes = history.exempt?.[key];
    return nodes === undefined ? [] : [[key, nodes] as const];
  });
  const exempt = { ...Object.fromEntries(kept), ...planned };
  return {
    recommendations: extremes([...recent, { at, nodes: wanted }]),
    ups: history.ups,
    downs: history.downs,
    ...(Object.keys(exempt).length === 0 ? {} : { exempt }),
  };
}

/**
 * A recommendation that a later one undercuts is never again the lowest of any window, and one that a later one
 * exceeds never the highest: what is neither is forgotten, so that hours of one size are one entry.
 */
function extremes(list: BehaviorMemory["recommendations"]): BehaviorMemory["recommendations"] {
  let lowest = Infinity;
  let highest = -Infinity;
  const kept = list.toReversed().filter(({ nodes }) => {
    const counts = nodes < lowest || nodes > highest;
    lowest = Math.min(lowest, nodes);
    highest = Math.max(highest, nodes);
    return counts;
  });
  return kept.reverse();
}
