// Kubernetes objects reduced to what a decision reads. One object gives one frozen input, kept until the object
// changes, so that a cycle at rest maps nothing. What cannot be read is handed to `onProblem` once and never
// guessed: see each function for what takes its place.

import { readDrainRequest, readDrainState } from "../../shared/contract/node-marks.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, POD_ANNOTATION } from "../../shared/model/names.ts";
import { readiness } from "../../shared/model/node.ts";
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
import { NO_RESOURCES, parseResources } from "../../shared/model/resources.ts";
import type { Resources } from "../../shared/model/resources.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import { deepFreeze } from "./freeze.ts";

export interface Problem {
  readonly kind: "node" | "pod" | "budget";
  readonly name: string;
  readonly detail: string;
}

export type OnProblem = (problem: Problem) => void;

/** A node without what its agent said, which changes more often than the node. */
export type BareNode = Omit<NodeInput, "telemetry">;

export interface Inputs {
  node(node: Node): BareNode;
  /** Null: finished, or cannot be read and stands on no node. */
  pod(pod: Pod): PodInput | null;
}

export function createInputs(onProblem: OnProblem): Inputs {
  const nodes = new WeakMap<Node, BareNode>();
  const pods = new WeakMap<Pod, { readonly input: PodInput | null }>();
  return {
    node: (node) => {
      const known = nodes.get(node);
      if (known !== undefined) return known;
      const made = deepFreeze(nodeInput(node, onProblem));
      nodes.set(node, made);
      return made;
    },
    pod: (pod) => {
      const known = pods.get(pod);
      if (known !== undefined) return known.input;
      const input = deepFreeze(podInput(pod, onProblem));
      pods.set(pod, { input });
      return input;
    },
  };
}

/** Allocatable that cannot be read offers nothing: no pod is placed there, and nothing is removed for it. */
function nodeInput(node: Node, onProblem: OnProblem): BareNode {
  const { name, labels = {}, annotations = {} } = node.metadata;
  let allocatable: Resources = NO_RESOURCES;
  try {
    allocatable = parseResources(node.status?.allocatable);
  } catch (error) {
    onProblem({ kind: "node", name, detail: `status.allocatable: ${messageOf(error)}` });
  }
  return {
    name,
    labels,
    annotations,
    taints: node.spec?.taints ?? [],
    unschedulable: node.spec?.unschedulable === true,
    ready: readiness(node),
    createdAt: instant(node.metadata.creationTimestamp),
    allocatable,
    drainState: readDrainState(annotations[NODE_ANNOTATION.drainState]),
    drainRequest: readDrainRequest(annotations[NODE_ANNOTATION.drainRequest]),
  };
}

/**
 * Requests that cannot be read: a pod that waits is left out, because nobody knows where it would fit. A pod that
 * stands on a node stays with a slot and nothing else, because leaving it out would make its node look empty.
 */
function podInput(pod: Pod, onProblem: OnProblem): PodInput | null {
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
  };
}

const DECISIVE = [POD_ANNOTATION.safeToEvict, POD_ANNOTATION.doNotDisrupt, POD_ANNOTATION.reclaim];

function onlyDecisive(
  annotations: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    DECISIVE.flatMap((key) => (annotations?.[key] === undefined ? [] : [[key, annotations[key]]])),
  );
}

/** The scheduler's own word. Age counts from its verdict, not from the pod's creation: a gated pod may be days old. */
function waitingOf(pod: Pod): PodInput["waiting"] {
  const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False") return { kind: "undecided" };
  if (condition.reason === "SchedulingGated") return { kind: "gated" };
  if (condition.reason !== "Unschedulable") return { kind: "undecided" };
  return {
    kind: "unschedulable",
    since: instant(condition.lastTransitionTime ?? pod.metadata.creationTimestamp),
  };
}

/** An instant that is missing or unreadable counts as the distant past for nobody's benefit: it only makes things older. */
function instant(text: string | undefined): EpochMs {
  return (text === undefined ? null : parseInstant(text)) ?? epochMs(0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
