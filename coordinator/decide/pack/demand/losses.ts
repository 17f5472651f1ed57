// Pods that lose their node and come back elsewhere: on nodes under notice, on nodes that are to be replaced, on nodes
// that are being emptied. They count at once, whatever their age. A pod that ends counts until its owner has made its
// successor, never both; what nobody makes again, and what only fills free room, needs no place.

import type { Reason } from "../../../../shared/model/reasons.ts";
import type { Fleet } from "../../fleet/fleet.ts";
import { workloads } from "../../fleet/standing.ts";
import type { NodeState } from "../../fleet/standing.ts";
import { isExpendable } from "../../fleet/tenants.ts";
import type { PodInput } from "../../snapshot-pod.ts";
import { packingOrder } from "../order.ts";
import type { Refused } from "./refusal.ts";

/** A pod's age has whole seconds and is from another clock than the notice. */
const CLOCKS_DIFFER_MS = 5_000;

export interface Losses {
  /** Notice id → pods that need another node because of it. */
  readonly reserved: ReadonlyMap<string, readonly PodInput[]>;
  /** Node that is to be replaced → pods that need another one. */
  readonly replaced: ReadonlyMap<string, readonly PodInput[]>;
  /** Pods of nodes that are being emptied: there was room for them elsewhere when that began. */
  readonly moving: readonly PodInput[];
  /** Pods that end and are followed by one that counts instead. */
  readonly followed: readonly Refused[];
}

export function lossesOf(
  fleet: Fleet,
  pods: readonly PodInput[],
  condemned: ReadonlyMap<string, Reason>,
): Losses {
  const { notices } = fleet;
  const noticed = new Set(notices.map(({ node }) => node));
  const others = fleet.nodes.filter(
    ({ name, draining, standing }) =>
      !noticed.has(name) && (condemned.has(name) || draining || standing === "leaving"),
  );
  const reserved = new Map<string, readonly PodInput[]>();
  const replaced = new Map<string, readonly PodInput[]>();
  const moving: PodInput[] = [];
  const counting = createCounting(pods, new Set([...noticed, ...others.map(({ name }) => name)]));
  for (const notice of notices) {
    if (!notice.replace) continue;
    const state = fleet.nodesByName.get(notice.node);
    const needs = state === undefined ? [] : counting.needsOf(state, notice.seenAt);
    reserved.set(notice.id, needs);
  }
  for (const state of others) {
    const needs = counting.needsOf(state, drainingSince(state));
    if (condemned.has(state.name)) replaced.set(state.name, needs);
    // Successors without a node are counted where they wait.
    else moving.push(...needs.filter(({ node }) => node !== null));
  }
  return { reserved, replaced, moving, followed: counting.followed };
}

/** Null: nobody wrote down when it began. */
function drainingSince({ node }: NodeState): number | null {
  return node.drainState.kind === "value" ? node.drainState.value.seenAt : null;
}

interface Counting {
  /** In packing order; a pod that was counted for another node is not counted again. */
  needsOf(state: NodeState, since: number | null): readonly PodInput[];
  readonly followed: Refused[];
}

function createCounting(pods: readonly PodInput[], leaving: ReadonlySet<string>): Counting {
  if (leaving.size === 0) return { needsOf: () => [], followed: [] };
  const counted = new Set<string>();
  const followed: Refused[] = [];
  const staying = Map.groupBy(
    pods.filter(({ node, owner, terminating }) => owner !== null && !terminating && !leaving.has(node ?? "")),
    ({ owner }) => owner?.uid ?? "",
  );
  return {
    followed,
    needsOf: (state, since) => {
      const losing = workloads(state).filter((pod) => comesBack(pod) && !counted.has(pod.key));
      const needs: PodInput[] = [];
      for (const [owner, own] of Map.groupBy(losing, (pod) => pod.owner?.uid ?? "")) {
        const ending = own.filter(({ terminating }) => terminating).toSorted(packingOrder);
        const begin = since ?? afterAll(ending);
        const first = ending.reduce((least, { endingSince = begin }) => Math.min(least, endingSince), begin);
        const young = (staying.get(owner) ?? [])
          .filter((pod) => isYoungerThan(first, pod) && !counted.has(pod.key))
          .sort((a, b) => Number(a.node !== null) - Number(b.node !== null) || packingOrder(a, b));
        const successorOf = successors(ending, young, begin);
        const follow = new Set(successorOf.values());
        needs.push(...own.filter(({ terminating }) => !terminating));
        // Those beyond the pods that end still follow ones that are gone.
        needs.push(
          ...young.filter(
            (pod) =>
              pod.node === null &&
              pod.waiting?.kind !== "gated" &&
              (follow.has(pod) || isYoungerThan(begin, pod)),
          ),
        );
        needs.push(...ending.filter((pod) => !successorOf.has(pod)));
        for (const pod of follow) counted.add(pod.key);
        for (const pod of successorOf.keys())
          followed.push({
            pod: pod.key,
            because: [{ code: "pod-has-successor", owner: pod.owner?.kind ?? "" }],
          });
      }
      for (const pod of [...losing, ...needs]) counted.add(pod.key);
      return needs.sort(packingOrder);
    },
  };
}

/**
 * Which pod follows which of those that end, each at most one, those that wait before those that run. A pod may have
 * begun to end long before the notice of its node, as on one that was being emptied, so each is asked for its own time;
 * the last to begin come first, since the fewest can follow them.
 */
function successors(
  ending: readonly PodInput[],
  young: readonly PodInput[],
  begin: number,
): ReadonlyMap<PodInput, PodInput> {
  const free = new Set(young);
  const found = new Map<PodInput, PodInput>();
  const beginOf = ({ endingSince }: PodInput): number => endingSince ?? begin;
  for (const pod of ending.toSorted((a, b) => beginOf(b) - beginOf(a))) {
    const next = free.values().find((other) => isYoungerThan(beginOf(pod), other));
    if (next === undefined) continue;
    free.delete(next);
    found.set(pod, next);
  }
  return found;
}

function isYoungerThan(begin: number, { createdAt }: PodInput): boolean {
  return createdAt + CLOCKS_DIFFER_MS >= begin;
}

/** What nobody owns is not made again, and what is expendable takes what it finds. */
function comesBack(pod: PodInput): boolean {
  return pod.owner !== null && !isExpendable(pod);
}

/** Without a time of its own, an end began after the pods that end were made; their successors are younger. */
function afterAll(ending: readonly PodInput[]): number {
  if (ending.length === 0) return Number.POSITIVE_INFINITY;
  return ending.reduce((last, { createdAt }) => Math.max(last, createdAt), 0) + 2 * CLOCKS_DIFFER_MS;
}
