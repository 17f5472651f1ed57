// Whether a pod may run on a node: taints, node selector, resources, in that order, so that the first failing
// check is the reason to show. Affinity, volumes, ports and spread join this list as checks of their own; what is
// not modelled yet is left to the scheduler, which has the last word.

import type { Taint } from "../../../shared/model/kube.ts";
import { untoleratedTaint } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { firstShortage, gpusIn, isGpuResource } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { distinct } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";

/** What a pod meets on a node. */
export interface Room {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly free: Resources;
}

export function fits(pod: PodInput, room: Room): boolean {
  // Resources first: they fail most often and cost least.
  for (const name in pod.requests) {
    const amount = pod.requests[name] ?? 0;
    if (amount > 0 && amount > (room.free[name] ?? 0)) return false;
  }
  for (const key in pod.nodeSelector) if (room.labels[key] !== pod.nodeSelector[key]) return false;
  return room.taints.length === 0 || untoleratedTaint(room.taints, pod.tolerations) === null;
}

/** Why an empty new node of the pool would not take the pod; null when it would. */
export function misfit(pod: PodInput, pool: PoolState): Reason | null {
  if (pool.closed !== null || pool.shape === null) return { code: "pool-not-usable", pool: pool.id };
  const { shape } = pool;
  // A machine with GPUs is not bought for a pod that asks for none.
  if (gpusIn(pod.requests) === 0 && gpusIn(shape.allocatable) > 0) return { code: "pod-not-gpu" };
  const taint = untoleratedTaint(shape.taints, pod.tolerations);
  if (taint !== null)
    return {
      code: "untolerated-taint",
      pool: pool.id,
      taint: `${taint.key}=${taint.value ?? ""}:${taint.effect}`,
    };
  for (const [label, wanted] of Object.entries(pod.nodeSelector)) {
    if (shape.labels[label] !== wanted) return { code: "selector-mismatch", pool: pool.id, label, wanted };
  }
  const shortage = firstShortage(pod.requests, shape.allocatable);
  if (shortage === null) return null;
  return {
    code: "too-large",
    pool: pool.id,
    resource: shortage.resource,
    wants: shortage.need,
    nodeHas: shortage.have,
  };
}

/** Pods with the same signature fit on the same nodes. */
export function signature(pod: PodInput): string {
  return JSON.stringify([sortedEntries(pod.requests), sortedEntries(pod.nodeSelector), pod.tolerations]);
}

export interface Feasible {
  readonly pools: readonly PoolState[];
  /** One for each pool that would not take it. */
  readonly misfits: readonly Reason[];
}

/** The pools that could take a pod at all, worked out once for all pods of a kind. */
export function createFeasibility(pools: readonly PoolState[]): (pod: PodInput) => Feasible {
  const known = new Map<string, Feasible>();
  return (pod) => {
    const kind = signature(pod);
    const before = known.get(kind);
    if (before !== undefined) return before;
    const verdicts = pools.map((pool) => ({ pool, reason: misfit(pod, pool) }));
    const feasible = {
      pools: verdicts.filter(({ reason }) => reason === null).map(({ pool }) => pool),
      misfits: distinct(verdicts.flatMap(({ reason }) => (reason === null ? [] : [reason]))),
    };
    known.set(kind, feasible);
    return feasible;
  };
}

/**
 * The share of physical cards that a request stands for: a MIG profile `mig-<n>g` has n of a card's seven compute
 * slices. Big requests are placed first, because they have the fewest places.
 */
export function gpuShare(requests: Resources): number {
  let share = 0;
  for (const name in requests) {
    if (!isGpuResource(name)) continue;
    const slices = /\/mig-(\d+)g/.exec(name)?.[1];
    share += (requests[name] ?? 0) * (slices === undefined ? 1 : Number(slices) / 7);
  }
  return share;
}

/** How many pods of this kind one node of the shape holds. */
export function podsPerNode(requests: Resources, allocatable: Resources): number {
  let count = Infinity;
  for (const name in requests) {
    const amount = requests[name] ?? 0;
    if (amount > 0) count = Math.min(count, Math.floor((allocatable[name] ?? 0) / amount));
  }
  return count;
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
