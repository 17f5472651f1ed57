// The size that `behavior` lets a pool take: the algorithm of the horizontal pod autoscaler (autoscaling/v2) with its
// windows, policies and rounding, on nodes. Guards first, then the window of each direction, then the policies of the
// direction that is taken. It knows no pool and no journal: numbers in, a size and its reason out.

import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { BehaviorMemory } from "../snapshot-memory.ts";
import { rulesOf } from "./behavior-rules.ts";
import type { Behavior, Direction, Rule, Rules } from "./behavior-rules.ts";

export interface SizeQuestion {
  readonly current: number;
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  /** For policies that count GPUs; null: not known, and such a policy allows nothing. */
  readonly gpusPerNode: number | null;
  readonly at: EpochMs;
}

export interface SizeAnswer {
  readonly size: number;
  /** What keeps the size from what was wanted; null: nothing does. */
  readonly because: Reason | null;
}

export function nextSize(behavior: Behavior, question: SizeQuestion, memory: BehaviorMemory): SizeAnswer {
  const { current, desired, min, max, at } = question;
  // 1. Guards: no window and no policy stands against them.
  if (current === 0 && min > 0) return { size: 0, because: { code: "behavior-disabled", direction: "up" } };
  if (current > max) return { size: max, because: null };
  if (current < min) return { size: min, because: null };

  // 2. The lowest recent recommendation counts upwards, the highest downwards.
  const up = rulesOf(behavior, "up");
  const down = rulesOf(behavior, "down");
  const upTo = Math.min(desired, ...recent(memory, at, up.windowMs));
  const downTo = Math.max(desired, ...recent(memory, at, down.windowMs));
  const stable = current < upTo ? upTo : current > downTo ? downTo : current;

  // 3. The policies of the direction that is taken.
  if (stable > current) {
    const limit = up.select === "Disabled" ? current : Math.max(current, limitOf(up, "up", question, memory));
    const size = Math.min(stable, limit, max);
    return {
      size,
      because: size < desired ? keptBack("up", up, { ...question, size, stable, limit }, memory) : null,
    };
  }
  if (stable < current) {
    const limit =
      down.select === "Disabled" ? current : Math.min(current, limitOf(down, "down", question, memory));
    const size = Math.max(stable, limit, min);
    return {
      size,
      because: size > desired ? keptBack("down", down, { ...question, size, stable, limit }, memory) : null,
    };
  }
  if (desired === current) return { size: current, because: null };
  const direction = desired > current ? "up" : "down";
  const rules = direction === "up" ? up : down;
  return {
    size: current,
    because: keptBack(direction, rules, { ...question, size: current, stable, limit: null }, memory),
  };
}

/** Strictly newer than the window is long, so that a window of nothing looks back on nothing. */
function recent({ recommendations }: BehaviorMemory, at: EpochMs, windowMs: number): number[] {
  return recommendations.filter((known) => known.at > at - windowMs).map(({ nodes }) => nodes);
}

/** Where the period's policies end. Changes of both directions count for where it began. */
function limitOf(rules: Rules, direction: Direction, question: SizeQuestion, memory: BehaviorMemory): number {
  const limits = rules.policies.map((rule) => limitOfRule(rule, direction, question, memory));
  const furthest = (direction === "up") === (rules.select === "Max");
  return furthest ? Math.max(...limits) : Math.min(...limits);
}

function limitOfRule(
  rule: Rule,
  direction: Direction,
  { current, gpusPerNode, at }: SizeQuestion,
  memory: BehaviorMemory,
): number {
  const since = at - rule.periodSeconds * 1000;
  const start = current - sumSince(memory.ups, since) + sumSince(memory.downs, since);
  const sign = direction === "up" ? 1 : -1;
  switch (rule.type) {
    case "Nodes":
    case "Pods":
      return start + sign * rule.value;
    case "GPUs":
      if (gpusPerNode === null) return current;
      // A node without GPUs uses nothing of it.
      return gpusPerNode === 0
        ? sign * Infinity
        : start + sign * inNodes(rule.value / gpusPerNode, direction);
    case "Percent": {
      // A whole number that comes out a hair off must not cost or buy a node.
      const exact = Number((start * (1 + (sign * rule.value) / 100)).toFixed(6));
      return direction === "up" ? Math.ceil(exact) : Math.trunc(exact);
    }
  }
}

function inNodes(nodes: number, direction: Direction): number {
  return direction === "up" ? Math.ceil(nodes) : Math.floor(nodes);
}

function sumSince(events: BehaviorMemory["ups"], since: number): number {
  return events.reduce((sum, event) => (event.at > since ? sum + event.nodes : sum), 0);
}

interface Kept extends SizeQuestion {
  readonly size: number;
  readonly stable: number;
  /** Null: the window alone stands against it. */
  readonly limit: number | null;
}

/** Null when it is only the pool's own minimum or maximum. */
function keptBack(direction: Direction, rules: Rules, kept: Kept, memory: BehaviorMemory): Reason | null {
  if (rules.select === "Disabled") return { code: "behavior-disabled", direction };
  const { current, size, stable, limit, at } = kept;
  if (limit !== null && size === limit && limit !== stable) {
    return {
      code: "behavior-limit",
      direction,
      allowed: Math.abs(size - current),
      leftMs: millis(periodLeft(direction, rules, memory, at)),
    };
  }
  if (size !== stable) return null;
  const left = memory.recommendations
    .filter(
      (known) =>
        known.at > at - rules.windowMs &&
        (direction === "up" ? known.nodes <= stable : known.nodes >= stable),
    )
    .map((known) => known.at + rules.windowMs - at);
  return { code: "stabilizing", direction, leftMs: millis(Math.max(0, ...left)) };
}

/** Until the first change drops out of a period; the whole of the shortest one when nothing has changed yet. */
function periodLeft(direction: Direction, rules: Rules, memory: BehaviorMemory, at: EpochMs): number {
  const events = direction === "up" ? memory.ups : memory.downs;
  const left = rules.policies.flatMap(({ periodSeconds }) =>
    events.map((event) => event.at + periodSeconds * 1000 - at).filter((ms) => ms > 0),
  );
  return left.length > 0
    ? Math.min(...left)
    : 1000 * Math.min(...rules.policies.map((rule) => rule.periodSeconds));
}
