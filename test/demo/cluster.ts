// Questions to the simulated cluster that the script and the fleet ask.

import type { World } from "../../coordinator/replay/world.ts";
import type { Machine, Node, Pod } from "../../shared/model/kube.ts";
import { CLUSTER_API, GPU_RESOURCE } from "../../shared/model/names.ts";
import { poolLabelOf, readiness } from "../../shared/model/node.ts";
import {
  evictionClass,
  isDaemonPod,
  isFinished,
  isMirrorPod,
  isTerminating,
  podRequests,
} from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";

export function gpusOf(pod: Pod): number {
  return podRequests(pod)[GPU_RESOURCE] ?? 0;
}

/** Pods on the node that hold resources and would have to leave. */
export function podsOn(world: World, node: string): readonly Pod[] {
  return world
    .list("pods")
    .filter(
      (pod) => pod.spec.nodeName === node && !isFinished(pod) && !isDaemonPod(pod) && !isMirrorPod(pod),
    );
}

/** Machines that are there to stay, with or without a node yet. */
export function machinesOf(world: World, pool?: string): readonly Machine[] {
  return world
    .list("machines")
    .filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined &&
        (pool === undefined || metadata.labels?.[CLUSTER_API.deploymentName] === pool),
    );
}

export function gpusUsedOn(world: World, node: string): number {
  return podsOn(world, node).reduce((sum, pod) => sum + gpusOf(pod), 0);
}

export function isUsable(node: Node): boolean {
  return (
    readiness(node) === "ready" && node.spec?.unschedulable !== true && (node.spec?.taints ?? []).length === 0
  );
}

export function poolOf(node: Node): string {
  return poolLabelOf(node.metadata.labels) ?? "";
}

export function classesOn(world: World, node: string): ReadonlySet<EvictionClass> {
  return new Set(
    podsOn(world, node)
      .filter((pod) => !isTerminating(pod))
      .map((pod) => evictionClass(pod).class),
  );
}

export function hasEmptyNode(world: World): boolean {
  return world.list("nodes").some((node) => podsOn(world, node.metadata.name).length === 0);
}

export function waitingPods(world: World): readonly Pod[] {
  return world
    .list("pods")
    .filter((pod) => pod.spec.nodeName === undefined && !isFinished(pod) && !isTerminating(pod));
}
