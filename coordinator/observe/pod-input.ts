// A Pod as a decision reads it, as far as the pod itself says it; what stands in other objects, its claims and the
// size of its gang, inputs.ts adds. What few pods have is left out where a pod does not have it.

import type { Pod } from "../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import {
  controllerOf,
  evictionClass,
  isDaemonPod,
  isFinished,
  isMirrorPod,
  isTerminating,
  podKey,
  podRequests,
} from "../../shared/model/pod.ts";
import type { Resources } from "../../shared/model/resources.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import { constraintsOf } from "./constraints.ts";
import { conditionOf, instant, messageOf, optionalInstant } from "./fields.ts";
import type { OnProblem } from "./inputs.ts";
import { hasLocalStorage } from "./volumes.ts";

/**
 * Requests that cannot be read: a pod that waits is left out, because nobody knows where it would fit. A pod that
 * stands on a node stays with a slot and nothing else, because leaving it out would make its node look empty.
 */
export function podInput(pod: Pod, onProblem: OnProblem): PodInput | null {
  if (isFinished(pod)) return null;
  const key = podKey(pod);
  const node = pod.spec.nodeName ?? null;
  let requests: Resources;
  try {
    requests = podRequests(pod);
  } catch (error) {
    onProblem({ kind: "pod", name: key, detail: messageOf(error) });
    if (node === null) return null;
    requests = { pods: 1 };
  }
  const owner = controllerOf(pod);
  return {
    key,
    uid: pod.metadata.uid ?? key,
    node,
    createdAt: instant(pod.metadata.creationTimestamp),
    waiting: node === null ? waitingOf(pod) : null,
    nominatedNode: pod.status?.nominatedNodeName ?? null,
    terminating: isTerminating(pod),
    owner: owner === null ? null : { uid: owner.uid, kind: owner.kind },
    daemon: isDaemonPod(pod),
    mirror: isMirrorPod(pod),
    class: evictionClass(pod).class,
    requests,
    nodeSelector: pod.spec.nodeSelector ?? {},
    tolerations: pod.spec.tolerations ?? [],
    priority: pod.spec.priority ?? 0,
    annotations: onlyDecisive(pod.metadata.annotations),
    ...constraintsOf(pod),
    ...whatFewHave(pod),
  };
}

function whatFewHave(pod: Pod): Partial<PodInput> {
  const { labels = {}, annotations = {} } = pod.metadata;
  const claims = pod.spec.resourceClaims ?? [];
  const provisioningRequest =
    annotations[POD_ANNOTATION.provisioningRequest] ?? annotations[POD_ANNOTATION.oldProvisioningRequest];
  const gpuModel = annotations[POD_ANNOTATION.gpuModel]?.trim() ?? "";
  return {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(claims.length === 0
      ? {}
      : { resourceClaims: claims.map(({ name, resourceClaimName }) => resourceClaimName ?? name) }),
    ...(provisioningRequest === undefined ? {} : { provisioningRequest }),
    ...(gpuModel === "" ? {} : { gpuModel }),
    ...(hasLocalStorage(pod) ? { localStorage: true } : {}),
    ...optionalInstant("startedAt", pod.status?.startTime),
    ...endOf(pod),
    ...(pod.spec.nodeName !== undefined && conditionOf(pod, "Ready")?.status !== "True"
      ? { ready: false }
      : {}),
  };
}

/** Shortening the grace brings the end forward and keeps its beginning: the server moves both by the same. */
function endOf({ metadata }: Pod): Pick<PodInput, "endsAt" | "endingSince"> {
  const { deletionTimestamp, deletionGracePeriodSeconds: graceSeconds } = metadata;
  const end = optionalInstant("endsAt", deletionTimestamp);
  if (end.endsAt === undefined || graceSeconds === undefined) return end;
  const since = end.endsAt - graceSeconds * 1000;
  return since >= 0 && since <= end.endsAt ? { ...end, endingSince: epochMs(since) } : end;
}

const DECISIVE = [
  POD_ANNOTATION.safeToEvict,
  POD_ANNOTATION.safeToEvictLocalVolumes,
  POD_ANNOTATION.doNotDisrupt,
  POD_ANNOTATION.reclaim,
  POD_ANNOTATION.checkpointUrl,
  POD_ANNOTATION.checkpointExec,
];

function onlyDecisive(
  annotations: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    DECISIVE.flatMap((key) => (annotations?.[key] === undefined ? [] : [[key, annotations[key]]])),
  );
}

/** The scheduler's own word. Age counts from its verdict, not from the pod's creation: a gated pod may be days old. */
function waitingOf(pod: Pod): PodInput["waiting"] {
  const condition = conditionOf(pod, "PodScheduled");
  if (condition?.status !== "False") return { kind: "undecided" };
  const since = instant(condition.lastTransitionTime ?? pod.metadata.creationTimestamp);
  switch (condition.reason ?? "") {
    case "SchedulingGated":
      return { kind: "gated" };
    case "Unschedulable":
      return { kind: "unschedulable", since };
    // Volcano: the pod would fit and waits for the rest of its gang.
    case "Schedulable":
      return { kind: "gang", since };
    default:
      return { kind: "undecided" };
  }
}
