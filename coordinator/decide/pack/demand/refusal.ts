// Why a pod without a node is no demand, as far as that lies in the pod alone: what it is, what the scheduler says of
// it, what it asks for that no node would bring. Its age and its gang are asked by others, since they are about more
// than this pod.

import { EXPENDABLE_BELOW } from "../../../../shared/model/pod.ts";
import type { Reason } from "../../../../shared/model/reasons.ts";
import { claimsRefusal } from "../../fit/claims.ts";
import { volumeRefusal } from "../../fit/volumes.ts";
import { isExpendable } from "../../fleet/tenants.ts";
import type { PodInput } from "../../snapshot-pod.ts";

/** A pod that gets no node, with the reasons. */
export interface Refused {
  readonly pod: string;
  readonly because: readonly Reason[];
}

/** `uses`: it opens no node, and yet it will use room that is there, so nobody else is promised that. */
export interface Refusal {
  readonly reason: Reason;
  readonly uses: boolean;
}

/** Null: nothing about the pod itself keeps it from counting. */
export function refusalOf(pod: PodInput): Refusal | null {
  const never = neverCounts(pod) ?? helpedByNoNode(pod);
  if (never !== null) return { reason: never, uses: false };
  // The scheduler makes room for it there, so it counts on that node and asks for no other.
  if (pod.nominatedNode !== null)
    return { reason: { code: "pod-nominated", node: pod.nominatedNode }, uses: true };
  return isUnschedulable(pod) ? null : { reason: { code: "pod-undecided" }, uses: true };
}

/** A member that would fit by itself and waits for its gang has been refused as a gang. */
function isUnschedulable({ waiting }: PodInput): boolean {
  return waiting?.kind === "unschedulable" || waiting?.kind === "gang";
}

function neverCounts(pod: PodInput): Reason | null {
  if (pod.mirror) return { code: "pod-static" };
  if (pod.daemon) return { code: "pod-of-daemon-set" };
  if (pod.terminating) return { code: "pod-ends", pod: pod.key };
  if (isExpendable(pod)) return { code: "pod-expendable", priority: pod.priority, cutoff: EXPENDABLE_BELOW };
  return pod.waiting?.kind === "gated" ? { code: "pod-gated" } : null;
}

function helpedByNoNode(pod: PodInput): Reason | null {
  const claim = claimsRefusal(pod);
  if (claim !== null) return claim;
  for (const volume of pod.volumes ?? []) {
    const reason = volumeRefusal(volume);
    if (reason !== null) return reason;
  }
  return null;
}
