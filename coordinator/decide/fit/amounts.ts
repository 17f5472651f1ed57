// Comparing what a pod requests with what a node has, name by name, and the measures that follow from it. Which name
// stands for what is taken from the resource's own spelling; nothing is converted from one name to another.

import { AMD_GPU_RESOURCE, GPU_RESOURCE } from "../../../shared/model/names.ts";
import { isGpuResource } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { compareText } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";

export interface Shortage {
  readonly resource: string;
  readonly wants: number;
  readonly has: number;
}

/** Of the names that `concerns` picks, the first by name of which more is wanted than there is. */
export function shortage(
  requests: Resources,
  concerns: (name: string) => boolean,
  available: (name: string, wants: number) => number,
): Shortage | null {
  let first: Shortage | null = null;
  for (const resource in requests) {
    const wants = requests[resource] ?? 0;
    if (wants <= 0 || !concerns(resource)) continue;
    const has = available(resource, wants);
    if (wants > has && (first === null || resource < first.resource)) first = { resource, wants, has };
  }
  return first;
}

/** What Kubernetes has itself: CPU, memory, storage, slots for pods. */
export function isNative(name: string): boolean {
  return !isExtended(name);
}

/** A device or another resource that a plugin brings, as Kubernetes tells them from its own by their names. */
export function isExtended(name: string): boolean {
  return name.includes("/") && !name.includes("kubernetes.io/");
}

/** A card, not a slice of one and not a share of its time. */
export function isWholeGpu(name: string): boolean {
  return name === GPU_RESOURCE || name === AMD_GPU_RESOURCE;
}

/** Whether there is any GPU in it, whole or not. */
export function hasGpus(amounts: Resources): boolean {
  for (const name in amounts) if ((amounts[name] ?? 0) > 0 && isGpuResource(name)) return true;
  return false;
}

/** What the kubelet has for pods of all sorts: `allocatable` of a shape is without its DaemonSets. */
export function grossOf(shape: NodeShape, name: string): number {
  return (shape.allocatable[name] ?? 0) + (shape.overhead?.[name] ?? 0);
}

/** Extended resources of which there are any. */
export function devicesOf(amounts: readonly Resources[]): readonly string[] {
  const names = amounts.flatMap((some) => Object.keys(some).filter((name) => (some[name] ?? 0) > 0));
  return [...new Set(names)].filter(isExtended).sort(compareText);
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
