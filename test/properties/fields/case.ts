// What a field of the policy is for, as a case: a fleet in which two values of that one field give two decisions. The
// tables beside this file hold one for each field; what is common to many of them is here.

import type { NodeInput } from "../../../coordinator/decide/snapshot.ts";
import { node, reported } from "../../build/node.ts";
import { HOUR } from "../../build/now.ts";
import { pods } from "../../build/pod.ts";
import { pool } from "../../build/policy.ts";
import type { PolicyOptions } from "../../build/policy.ts";
import { memory } from "../../build/snapshot.ts";
import type { SnapshotOptions } from "../../build/snapshot.ts";

export interface FieldCase {
  /** Undefined: left out. */
  readonly values: readonly [unknown, unknown];
  /** The policy but for the field. */
  readonly policy?: PolicyOptions;
  /** The fleet; further policies come beside the one of the field. */
  readonly fleet?: SnapshotOptions;
  /** Left out: what is done differs. `reasons`: the same is done, and another reason is given. */
  readonly changes?: "reasons";
  /** GPUs that were wanted in the two weeks before: a forecast has seen them. Left out: there is none. */
  readonly past?: (at: number) => number;
  /** Left out: 1. More: each decision has the memory of the one before. */
  readonly decisions?: number;
}

export type FieldCases = Readonly<Record<string, FieldCase>>;

/** Nothing but what a case is about stands in the way of a removal. */
export const OPEN = { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false };

/** So many pods that each want a whole node. */
export const whole = (count: number) => pods(count, "p", { gpus: 8 });

/** Nodes that have been empty for an hour, unless the case says for how long. */
export function emptied(count: number, emptyMs = HOUR): SnapshotOptions {
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  return {
    nodes: names.map((name) => node(name)),
    memory: memory(Object.fromEntries(names.map((name) => [name, { emptyMs }]))),
  };
}

/** Nodes whose GPUs are so busy. */
export function hot(mean: number, count = 1): readonly NodeInput[] {
  return Array.from({ length: count }, (_, index) =>
    node(`n${index + 1}`, { telemetry: reported({ mean, busiest: mean }) }),
  );
}

export const onDemand = () => pool("od", { capacityType: "on-demand" });
