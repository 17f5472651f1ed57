// Questions that can be asked of a pod without asking anybody else. Used by the agent's drain and by the
// coordinator's decision, so that both mean the same by "daemon", "finished" or "high".

import type { Pod } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";
import { most, NO_RESOURCES, parseResources, plus } from "./resources.ts";
import type { Resources } from "./resources.ts";
import { seconds } from "./units.ts";
import type { Seconds } from "./units.ts";

/** The order in which pods leave: low first, system last. */
export const EVICTION_CLASSES = ["low", "medium", "high", "system"] as const;
export type EvictionClass = (typeof EVICTION_CLASSES)[number];

/** As Cluster Autoscaler's: a pod of lower priority was put there to be lost, and neither opens a node nor keeps one. */
export const EXPENDABLE_BELOW = -10;

/** Kubernetes' own default for `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE = 30;
/** The API takes any 64-bit number, and people write 9223372036854775807 for "never"; a year is as good as that. */
const LONGEST_GRACE = 365 * 86_400;

export function podKey(pod: Pod): string {
  return `${pod.metadata.namespace ?? "default"}/${pod.metadata.name}`;
}

export function controllerOf(
  pod: Pod,
): { readonly kind: string; readonly name: string; readonly uid: string } | null {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller === true) ?? null;
}

export function isDaemonPod(pod: Pod): boolean {
  return controllerOf(pod)?.kind === "DaemonSet";
}

/** Static pods of the kubelet: the API server's copy cannot be evicted in any useful sense. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[POD_ANNOTATION.mirror] !== undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/**
 * What the scheduler reserves: the sum over containers, or the largest init container if that is more, with
 * sidecars (init containers that restart always) running beside both, plus the overhead and one pod slot.
 * A limit without a request is a request. Where the pod as a whole asks for cpu, memory or huge pages, that counts
 * instead of its containers. @throws RangeError when a quantity is malformed.
 */
export function podRequests(pod: Pod): Resources {
  let running = NO_RESOURCES;
  for (const container of pod.spec.containers) running = plus(running, containerRequests(container));
  let sidecars = NO_RESOURCES;
  let starting = NO_RESOURCES;
  for (const container of pod.spec.initContainers ?? []) {
    const requests = containerRequests(container);
    if (container.restartPolicy === "Always") {
      sidecars = plus(sidecars, requests);
      starting = most(starting, sidecars);
    } else {
      starting = most(starting, plus(sidecars, requests));
    }
  }
  const containers = most(plus(running, sidecars), starting);
  const all = { ...containers, ...wholePodRequests(pod, containers) };
  return plus(plus(all, parseResources(pod.spec.overhead)), { pods: 1 });
}

/** A limit of the whole pod is a request only of what no container asks for, as the API server has it. */
function wholePodRequests(pod: Pod, containers: Resources): Resources {
  const { requests, limits } = pod.spec.resources ?? {};
  const asked = Object.entries(parseResources(requests));
  const limited = Object.entries(parseResources(limits)).filter(([name]) => containers[name] === undefined);
  return Object.fromEntries([...limited, ...asked].filter(([name]) => isOfWholePod(name)));
}

/** Devices are asked for by containers alone. */
function isOfWholePod(resource: string): boolean {
  return resource === "cpu" || resource === "memory" || resource.startsWith("hugepages-");
}

function containerRequests(container: Pod["spec"]["containers"][number]): Resources {
  return parseResources({ ...container.resources?.limits, ...container.resources?.requests });
}

/**
 * The class in which a pod leaves. An annotation that says anything but low, medium or high counts as medium
 * and is reported in `unknown`: a typing error must neither skip a pod nor move it to the front.
 */
export function evictionClass(pod: Pod): { readonly class: EvictionClass; readonly unknown: string | null } {
  const critical =
    pod.spec.priorityClassName === "system-node-critical" ||
    pod.spec.priorityClassName === "system-cluster-critical";
  if (critical || pod.metadata.namespace === "kube-system") return { class: "system", unknown: null };
  const wanted = pod.metadata.annotations?.[POD_ANNOTATION.evictionPriority];
  switch (wanted) {
    case undefined:
      return { class: "medium", unknown: null };
    case "low":
    case "medium":
    case "high":
      return { class: wanted, unknown: null };
    default:
      return { class: "medium", unknown: wanted };
  }
}

/** The pod's own grace: what it asked for, not what is left. */
export function ownGrace(pod: Pod): Seconds {
  return seconds(
    Math.min(LONGEST_GRACE, Math.max(0, pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE)),
  );
}

/** False when the pod asked not to get more than its own grace. */
export function mayExtendGrace(pod: Pod): boolean {
  return pod.metadata.annotations?.[POD_ANNOTATION.extendGrace] !== "false";
}
