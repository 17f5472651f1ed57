// The rules of a `behavior` with the pod autoscaler's defaults for what is left out, and how far back they look.
// A policy without a `behavior` has none of them.

import type { ScalingRules } from "../../../shared/contract/policy/growth.ts";

export type Direction = "up" | "down";

export interface Behavior {
  readonly scaleUp?: ScalingRules | undefined;
  readonly scaleDown?: ScalingRules | undefined;
}

export interface Rule {
  readonly type: "Nodes" | "GPUs" | "Percent" | "Pods";
  readonly value: number;
  readonly periodSeconds: number;
}

export interface Rules {
  readonly windowMs: number;
  readonly select: "Max" | "Min" | "Disabled";
  readonly policies: readonly Rule[];
}

/** What counts where a policy that has a `behavior` leaves something out. A list that is given replaces the default one. */
const DEFAULT_UP: Rules = {
  windowMs: 0,
  select: "Max",
  policies: [
    { type: "Nodes", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const DEFAULT_DOWN: Rules = {
  windowMs: 300_000,
  select: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};
const DEFAULT_TOLERANCE = 0.1;

export function rulesOf(behavior: Behavior, direction: Direction): Rules {
  const given = direction === "up" ? behavior.scaleUp : behavior.scaleDown;
  const fallback = direction === "up" ? DEFAULT_UP : DEFAULT_DOWN;
  return {
    windowMs:
      given?.stabilizationWindowSeconds === undefined
        ? fallback.windowMs
        : given.stabilizationWindowSeconds * 1000,
    select: given?.selectPolicy ?? fallback.select,
    policies: given?.policies ?? fallback.policies,
  };
}

/** Utilisation within this share of the threshold is at the threshold. */
export function toleranceOf(behavior: Behavior, direction: Direction): number {
  return (direction === "up" ? behavior.scaleUp : behavior.scaleDown)?.tolerance ?? DEFAULT_TOLERANCE;
}

/** The longest that any event matters to the rules, and the longest that a recommendation does. */
export function horizonsOf(behavior: Behavior): {
  readonly events: number;
  readonly recommendations: number;
} {
  const both = [rulesOf(behavior, "up"), rulesOf(behavior, "down")];
  return {
    events: 1000 * Math.max(...both.flatMap(({ policies }) => policies.map((rule) => rule.periodSeconds))),
    recommendations: Math.max(...both.map(({ windowMs }) => windowMs)),
  };
}
