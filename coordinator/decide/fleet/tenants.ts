// Who of the pods on a node counts when the node is to go: those whose work somebody would miss. DaemonSet and static
// pods belong to the node; a pod whose end is long due is gone, whatever the API still lists; one below the cutoff of
// priority was put there to be lost. Whether the others may be moved is for the rules.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { EXPENDABLE_BELOW } from "../../../shared/model/pod.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { workloads } from "./standing.ts";
import type { NodeState } from "./standing.ts";

/** A terminating pod that is there so long after its end hangs; waiting for it helps nobody. */
const STUCK_AFTER_MS = 60_000;

/** Pods that keep a node from being empty. */
export function tenants(state: NodeState, at: EpochMs): readonly PodInput[] {
  return workloads(state).filter((pod) => !isStuck(pod, at) && !isExpendable(pod));
}

export function hasTenants({ pods }: NodeState, at: EpochMs): boolean {
  return pods.some((pod) => !pod.daemon && !pod.mirror && !isStuck(pod, at) && !isExpendable(pod));
}

/** Pods that have to be gone before the machine may go. */
export function occupants(state: NodeState, at: EpochMs): readonly PodInput[] {
  return workloads(state).filter((pod) => !isStuck(pod, at));
}

export function isExpendable({ priority }: PodInput): boolean {
  return priority < EXPENDABLE_BELOW;
}

function isStuck({ terminating, endsAt }: PodInput, at: EpochMs): boolean {
  return terminating && endsAt !== undefined && at - endsAt > STUCK_AFTER_MS;
}

/** It saves its state when it is asked to, so that moving it costs little. */
export function isCheckpointed({ annotations }: PodInput): boolean {
  return (
    (annotations[POD_ANNOTATION.checkpointUrl] ?? "") !== "" ||
    (annotations[POD_ANNOTATION.checkpointExec] ?? "") !== ""
  );
}
