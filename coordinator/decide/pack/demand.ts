// Which pods count as demand, and why the others do not. Age runs from the scheduler's verdict, never from
// creation. Pods on a node under notice count at once, and a pod that terminates counts until its owner has made
// its successor, never both. Where they might go is not asked here.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { workloads } from "../fleet/standing.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { NoticeInput } from "../snapshot.ts";
import type { Feasible } from "./fit.ts";
import { packingOrder } from "./pack.ts";

/** A pod's age has whole seconds and is from another clock than the notice. */
const CLOCKS_DIFFER_MS = 5_000;

export interface Refused {
  readonly pod: string;
  readonly because: readonly Reason[];
}

export interface Demand {
  /** Notice id → the pods that lose their node, in packing order. */
  readonly reserved: ReadonlyMap<string, readonly PodInput[]>;
  /** Pods that may open a new node, in packing order. */
  readonly waiting: readonly PodInput[];
  /** GPU pods that will use room that is there, and open nothing: too young, undecided, nominated. */
  readonly early: readonly PodInput[];
  readonly refused: readonly Refused[];
}

export function demandOf(
  fleet: Fleet,
  pods: readonly PodInput[],
  feasible: (pod: PodInput) => Feasible,
): Demand {
  const waiting: PodInput[] = [];
  const early: PodInput[] = [];
  const refused: Refused[] = [];
  for (const pod of pods) {
    if (pod.node !== null || pod.terminating) continue;
    const because = refusal(pod, fleet, feasible(pod));
    if (because === null) {
      waiting.push(pod);
      continue;
    }
    if (because.length > 0) refused.push({ pod: pod.key, because });
    if (gpusIn(pod.requests) > 0 && !pod.daemon && !pod.mirror && pod.waiting?.kind !== "gated")
      early.push(pod);
  }
  return {
    reserved: reservedBy(fleet, pods),
    waiting: waiting.sort(packingOrder),
    early: early.sort(packingOrder),
    refused,
  };
}

/** Null: the pod counts. */
function refusal(pod: PodInput, fleet: Fleet, feasible: Feasible): readonly Reason[] | null {
  if (pod.mirror) return [{ code: "pod-static" }];
  if (pod.daemon) return [{ code: "pod-of-daemon-set" }];
  if (pod.nominatedNode !== null) return [{ code: "pod-nominated", node: pod.nominatedNode }];
  if (pod.waiting?.kind === "gated") return [{ code: "pod-gated" }];
  if (pod.waiting?.kind !== "unschedulable") return [{ code: "pod-undecided" }];
  if (gpusIn(pod.requests) === 0 && feasible.pools.length === 0) return feasible.misfits;
  const ageMs = elapsed(pod.waiting.since, fleet.at);
  const needMs = millis(1000 * shortestWait(feasible, fleet));
  return ageMs < needMs ? [{ code: "pod-waits", ageMs, needMs }] : null;
}

/** Seconds. The most patient of several policies does not slow the others down. */
function shortestWait(feasible: Feasible, fleet: Fleet): number {
  const pools = feasible.pools.length > 0 ? feasible.pools : fleet.pools;
  return pools.length === 0 ? 0 : Math.min(...pools.map((pool) => pool.spec.pendingPodTimeoutSeconds));
}

function reservedBy(fleet: Fleet, pods: readonly PodInput[]): Map<string, readonly PodInput[]> {
  const reserved = new Map<string, readonly PodInput[]>();
  const notices = fleet.notices.filter((notice) => notice.replace);
  if (notices.length === 0) return reserved;
  const leaving = new Set(fleet.notices.map((notice) => notice.node));
  const elsewhere = Map.groupBy(
    pods.filter((pod) => !leaving.has(pod.node ?? "") && !pod.terminating),
    (pod) => pod.owner?.uid ?? "",
  );
  const counted = new Set<string>();
  for (const notice of notices) {
    const losing = comingBack(fleet, notice).filter((pod) => !counted.has(pod.key));
    const needs = needsOf(losing, notice, (owner) =>
      (elsewhere.get(owner) ?? []).filter((pod) => !counted.has(pod.key)),
    );
    for (const pod of [...losing, ...needs]) counted.add(pod.key);
    reserved.set(notice.id, needs.sort(packingOrder));
  }
  return reserved;
}

/** What nobody owns does not come back, so it needs no place. */
function comingBack(fleet: Fleet, notice: NoticeInput): readonly PodInput[] {
  const state = fleet.nodesByName.get(notice.node);
  return state === undefined ? [] : workloads(state).filter((pod) => pod.owner !== null);
}

/** For each owner: pods that still run, successors that wait, and terminating pods without a successor yet. */
function needsOf(
  losing: readonly PodInput[],
  notice: NoticeInput,
  othersOf: (owner: string) => readonly PodInput[],
): PodInput[] {
  const needs: PodInput[] = [];
  for (const [owner, pods] of Map.groupBy(losing, (pod) => pod.owner?.uid ?? "")) {
    const successors = othersOf(owner).filter((pod) => pod.createdAt + CLOCKS_DIFFER_MS >= notice.seenAt);
    const ending = pods.filter((pod) => pod.terminating).toSorted(packingOrder);
    needs.push(...pods.filter((pod) => !pod.terminating));
    needs.push(...successors.filter((pod) => pod.node === null && pod.waiting?.kind !== "gated"));
    needs.push(...ending.slice(successors.length));
  }
  return needs;
}

/** How long the pod has been without a node by the scheduler's word. */
export function waitedMs(pod: PodInput, at: EpochMs): number {
  return pod.waiting?.kind === "unschedulable" ? elapsed(pod.waiting.since, at) : 0;
}
