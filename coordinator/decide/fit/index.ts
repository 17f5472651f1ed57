// Every check whether a pod may run at a place, in the order in which they are shown: the first that fails is the
// reason. All of them have to agree, so the order decides nothing but the explanation; the list is the documentation.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { allocatable } from "./allocatable.ts";
import type { Check, FitContext, Place } from "./check.ts";
import { claims } from "./claims.ts";
import { daemonOverhead } from "./daemon-overhead.ts";
import { extendedResources } from "./extended-resources.ts";
import { gang } from "./gang.ts";
import { gpuTopology } from "./gpu-topology.ts";
import { hostPorts } from "./host-ports.ts";
import { migGeometry } from "./mig-geometry.ts";
import { nodeAffinity } from "./node-affinity.ts";
import { nodeSelector } from "./node-selector.ts";
import { podAffinity } from "./pod-affinity.ts";
import { podAntiAffinity } from "./pod-anti-affinity.ts";
import { poolHealth } from "./pool-health.ts";
import { poolLimits } from "./pool-limits.ts";
import { preferences } from "./preferences.ts";
import { priority } from "./priority.ts";
import { resources } from "./resources.ts";
import { taints } from "./taints.ts";
import { topologySpread } from "./topology-spread.ts";
import { volumes } from "./volumes.ts";

export const CHECKS: readonly Check[] = [
  // What the node is.
  taints,
  nodeSelector,
  nodeAffinity,
  // What it has.
  resources,
  allocatable,
  extendedResources,
  migGeometry,
  gpuTopology,
  daemonOverhead,
  hostPorts,
  volumes,
  // Who else is there.
  podAffinity,
  podAntiAffinity,
  topologySpread,
  preferences,
  // Whether it may be asked for, and for whom.
  poolLimits,
  poolHealth,
  priority,
  gang,
  // What is not understood.
  claims,
];

/** Null: the pod may run there as far as these checks know. */
export function firstRefusal(
  pod: PodInput,
  place: Place,
  context: FitContext,
  checks: readonly Check[] = CHECKS,
): Reason | null {
  for (const check of checks) {
    const refusal = check.refusal(pod, place, context);
    if (refusal !== null) return refusal;
  }
  return null;
}
