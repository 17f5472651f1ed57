// Devices by their own names: a whole GPU, a MIG profile and a shared GPU are three different resources. A machine
// with GPUs is not bought for a pod that asks for none, unless its pool says so; on one that is here, or coming, the
// scheduler puts it all the same. Whole GPUs of one node and MIG profiles that no card gives are for later checks.

import type { PodInput } from "../snapshot-pod.ts";
import { devicesOf, grossOf, hasGpus, isExtended, isWholeGpu, shortage } from "./amounts.ts";
import type { Check, Place } from "./check.ts";
import { profileBeyond } from "./mig-geometry.ts";
import { calledPool } from "./place.ts";
import { tooLarge } from "./resources.ts";

export const extendedResources: Check = {
  name: "extended-resources",
  reads: "amounts",
  refusal: (pod, place) => {
    if (isForGpuPodsOnly(place) && !hasGpus(pod.requests)) return { code: "pod-not-gpu" };
    const short = shortage(pod.requests, isExtended, (name) => available(pod, place, name));
    if (short === null) return null;
    const { resource, wants } = short;
    if (isOffered(place, resource)) return tooLarge(place, short);
    return { code: "no-such-resource", pool: calledPool(place), resource, wants, has: devices(place) };
  },
};

function isForGpuPodsOnly({ kind, pool, shape }: Place): boolean {
  if (kind !== "new" || shape === null || !hasGpus(shape.allocatable)) return false;
  return pool === null || !pool.pool.allowCpuPods;
}

function isOffered({ shape, free }: Place, name: string): boolean {
  return shape === null ? free[name] !== undefined : grossOf(shape, name) > 0;
}

function devices({ shape, free }: Place): readonly string[] {
  return devicesOf(shape === null ? [free] : [shape.allocatable, shape.overhead ?? {}]);
}

/** What an empty node would not have either, and another check says better, counts as there. */
function available(pod: PodInput, place: Place, name: string): number {
  const { shape, free } = place;
  const wants = pod.requests[name] ?? 0;
  if (shape === null || wants <= (shape.allocatable[name] ?? 0)) return free[name] ?? 0;
  const gross = grossOf(shape, name);
  if (gross > 0) return isWholeGpu(name) ? Infinity : gross;
  return profileBeyond(pod, place)?.names.has(name) === true ? Infinity : 0;
}
