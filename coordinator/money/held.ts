// Who holds how much of one machine. A machine with GPUs is bought for them, so its price follows the GPUs that pods
// hold; one without is shared by cpu and memory. Pods of the machine itself (DaemonSets, static pods) hold nothing.

import { gpusIn } from "../../shared/model/resources.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { Holder } from "./charge.ts";

export interface Held {
  readonly holder: Holder;
  /** Of the whole machine, 0..1. All shares of a machine are 1 at most. */
  readonly share: number;
}

/** Whose a pod is. Those that are the same are one object, since a fleet has many pods and few holders. */
export type HolderOf = (pod: PodInput) => Holder;

/** `wanted`: labels that costs are told by. */
export function createHolders(wanted: readonly string[]): HolderOf {
  const known = new Map<string, Holder>();
  return ({ key, labels = {} }) => {
    const namespace = key.slice(0, key.indexOf("/"));
    let name = namespace;
    // Neither names nor values of labels have a line break; an absent one is not an empty one.
    for (const label of wanted) name += Object.hasOwn(labels, label) ? `\n=${labels[label] ?? ""}` : "\n";
    const holder = known.get(name);
    if (holder !== undefined) return holder;
    const told = wanted.flatMap((label) => {
      const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
      return value === undefined ? [] : [[label, value] as const];
    });
    const made = { namespace, labels: Object.fromEntries(told) };
    known.set(name, made);
    return made;
  };
}

export function heldOf(
  allocatable: Resources,
  pods: readonly PodInput[],
  holderOf: HolderOf,
): readonly Held[] {
  const shares = new Map<Holder, number>();
  let all = 0;
  for (const pod of pods) {
    const share = pod.daemon || pod.mirror ? 0 : shareOf(pod.requests, allocatable);
    if (share === 0) continue;
    const holder = holderOf(pod);
    shares.set(holder, (shares.get(holder) ?? 0) + share);
    all += share;
  }
  // A device plugin that shrank, or a pod that was let in beside another: nobody pays for more than there is.
  const whole = Math.max(1, all);
  return [...shares].map(([holder, share]) => ({ holder, share: share / whole }));
}

function shareOf(requests: Resources, allocatable: Resources): number {
  const gpus = gpusIn(allocatable);
  if (gpus > 0) return gpusIn(requests) / gpus;
  const of = (name: string): number => {
    const room = allocatable[name] ?? 0;
    return room > 0 ? (requests[name] ?? 0) / room : 0;
  };
  return (of("cpu") + of("memory")) / 2;
}
