// The one rule by which load becomes replicas: each 15 s so many as the load needs at a fixed load for each, within the least
// and the most, and changed no faster than a pod autoscaler changes them. The rates and windows are those of autoscaling/v2,
// by the same code that holds pools to their `behavior`. It knows nothing of nodes, so it is the same for all policies.

import { epochMs, millis } from "../../../shared/model/units.ts";
import type { Behavior } from "../../decide/limits/behavior-rules.ts";
import { nextSize } from "../../decide/limits/behavior.ts";
import type { ServiceModel } from "../scenario.ts";
import type { Load } from "./load.ts";

export interface ReplicaRule {
  /** Load that one replica carries: requests a second, or requests in progress. */
  readonly perReplica: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** As of a pod autoscaler; what is left out has its defaults there. */
  readonly behavior: Behavior;
}

/** How often a pod autoscaler looks. */
export const BEAT_MS = millis(15_000);
/** The longest window or period of a behavior. */
const LOOK_BACK_MS = 3_600_000;

/** Steps on the load's own clock, one for each change. */
export function replicasOf(load: Load, rule: ReplicaRule): ServiceModel["steps"] {
  const { minReplicas: min, maxReplicas: max, behavior } = rule;
  const endMs = load.fromMs + load.values.length * load.stepMs;
  const steps: { readonly atMs: number; readonly replicas: number }[] = [];
  let recommendations: { readonly at: ReturnType<typeof epochMs>; readonly nodes: number }[] = [];
  let ups: typeof recommendations = [];
  let downs: typeof recommendations = [];
  let current = Math.max(min, Math.min(max, 0));
  steps.push({ atMs: load.fromMs, replicas: current });
  // The mean of a step stands for the whole of it. After the last one nothing comes, until nothing is left to take back.
  for (let atMs = load.fromMs + BEAT_MS; atMs < endMs + LOOK_BACK_MS; atMs += BEAT_MS) {
    const at = epochMs(atMs);
    const value = load.values[Math.ceil((atMs - load.fromMs) / load.stepMs) - 1] ?? 0;
    const desired = Math.max(min, Math.min(max, Math.ceil(value / rule.perReplica)));
    const memory = { recommendations, ups, downs };
    const { size } = nextSize(behavior, { current, desired, min, max, gpusPerNode: null, at }, memory);
    const since = atMs - LOOK_BACK_MS;
    recommendations = [...recommendations, { at, nodes: desired }].filter((one) => one.at > since);
    if (size > current) ups = [...ups, { at, nodes: size - current }].filter((one) => one.at > since);
    if (size < current) downs = [...downs, { at, nodes: current - size }].filter((one) => one.at > since);
    if (size !== current) steps.push({ atMs, replicas: size });
    current = size;
    if (atMs >= endMs && current === min) break;
  }
  return steps;
}
