// Questions to the simulated cluster that the script and the fleet ask.

import type { World } from "../../coordinator/replay/world.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
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
import { GPUS_PER_NODE } from "./scene.ts";

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

/** GPUs that pods could get elsewhere: free on usable nodes, and on machines that are on their way. */
export function freeGpusElsewhere(world: World, than: string): number {
  const nodes = world.list("nodes").filter((node) => node.metadata.name !== than);
  const free = nodes
    .filter(isUsable)
    .reduce((sum, node) => sum + GPUS_PER_NODE - gpusUsedOn(world, node.metadata.name), 0);
  const usable = nodes.filter(isUsable).length;
  const machines = world
    .list("machines")
    .filter((machine) => machine.metadata.deletionTimestamp === undefined).length;
  return free + Math.max(0, machines - 1 - usable) * GPUS_PER_NODE;
}

export function classesOn(world: World, node: string): ReadonlySet<EvictionClass> {
  return new Set(
    podsOn(world, node)
      .filter((pod) => !isTerminating(pod))
      .map((pod) => evictionClass(pod).class),
  );
}

export function waitingPods(world: World): readonly Pod[] {
  return world
    .list("pods")
    .filter((pod) => pod.spec.nodeName === undefined && !isFinished(pod) && !isTerminating(pod));
}
