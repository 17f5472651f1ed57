// The scheduler of the simulated cluster: pending pods by priority, then age, each onto the node that it fills
// best. It looks at taints, node selector and free resources here, at all else that a pod may ask for in
// world-constraints.ts. It does not preempt, and preferences do not count. Where the world is told so it binds the pods
// of a gang all together or not at all, as schedulers with that plug-in do.

import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, POD_ANNOTATION } from "../../shared/model/names.ts";
import { createConstraints } from "./world-constraints.ts";
import type { Core, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import {
  add,
  amounts,
  conditionOf,
  firstUntolerated,
  hasLabels,
  isFinished,
  isTerminating,
  nodeHeldBy,
  podFact,
  withCondition,
} from "./world-pods.ts";
import type { Amounts } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";
import { sameJson } from "./world-store.ts";
import { timestamp } from "./world-time.ts";

const DEFAULT_SCHEDULER = "default-scheduler";

/** Values of the classes that every cluster has. */
const SYSTEM_PRIORITY: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

interface Gang {
  readonly id: string;
  readonly size: number;
}

/** What pods of a gang that are not bound yet would take of a node. */
type Reserved = Map<string, Map<string, number>>;

interface Candidate {
  readonly node: Node;
  readonly allocatable: Amounts;
}

export function createScheduler(core: Core, index: NodeIndex): Part {
  const waiting = new Set<string>();
  const candidates = new Map<string, Candidate>();
  const shapes = new Map<string, string>();
  const constraints = createConstraints(core.store);
  /** Waiting pods for which it matters where others are. */
  const curious = new Set<string>();
  let somethingChanged = false;

  core.store.onChange((change) => {
    if (change.resource === "persistentvolumeclaims" || change.resource === "persistentvolumes")
      somethingChanged = true;
    if (change.resource === "nodes") {
      const { name } = change.object.metadata;
      if (change.kind === "deleted") candidates.delete(name);
      else {
        somethingChanged ||= change.previous === null || mayTakeMore(change.previous, change.object);
        const { allocatable } = change.object.status ?? {};
        const known = candidates.get(name);
        const same = known !== undefined && allocatable === known.node.status?.allocatable;
        candidates.set(name, {
          node: change.object,
          allocatable: same ? known.allocatable : amounts(allocatable),
        });
      }
    }
    if (change.resource !== "pods") return;
    const key = keyOf(change.object.metadata);
    const pending = change.kind !== "deleted" && isPending(change.object);
    if (pending && !waiting.has(key)) somethingChanged = true;
    if (pending) waiting.add(key);
    else waiting.delete(key);
    if (pending && constraints.looksAtOthers(change.object)) curious.add(key);
    else curious.delete(key);
    if (curious.size > 0 && nodeHeldBy(change.object) !== nodeHeldBefore(change.previous))
      somethingChanged = true;
    if (change.kind === "deleted") shapes.delete(change.object.metadata.uid ?? "");
    if (freesResources(change.previous, change.kind === "deleted" ? null : change.object))
      somethingChanged = true;
  });

  /** Pods that ask for the same fare the same within one pass. */
  function shapeOf(pod: Pod): string {
    const uid = pod.metadata.uid ?? "";
    let shape = shapes.get(uid);
    if (shape === undefined) {
      shape = JSON.stringify([
        [...index.requests(pod)],
        pod.spec.nodeSelector,
        pod.spec.tolerations,
        constraints.shapeOf(pod),
      ]);
      shapes.set(uid, shape);
    }
    return shape;
  }

  function bestNode(pod: Pod, reserved: Reserved | null = null): Node | null {
    const requests = index.requests(pod);
    let best: { node: Node; freeGpus: number; freeCpu: number } | null = null;
    for (const { node, allocatable } of candidates.values()) {
      const used = reserved?.get(node.metadata.name) ?? index.usedOn(node.metadata.name);
      const misfit = firstMisfit(pod, requests, node, allocatable, used) ?? constraints.misfit(pod, node);
      if (misfit !== null) continue;
      const freeGpus = free(allocatable, used, GPU_RESOURCE);
      const freeCpu = free(allocatable, used, "cpu");
      if (
        best === null ||
        freeGpus < best.freeGpus ||
        (freeGpus === best.freeGpus && freeCpu < best.freeCpu)
      ) {
        best = { node, freeGpus, freeCpu };
      }
    }
    return best?.node ?? null;
  }

  function bind(pod: Pod, node: Node): void {
    const condition = { type: "PodScheduled", status: "True", lastTransitionTime: timestamp(core.now) };
    core.store.write("pods", {
      ...pod,
      spec: { ...pod.spec, nodeName: node.metadata.name },
      status: { ...pod.status, conditions: withCondition(pod.status?.conditions, condition) },
    });
    core.note({ kind: "pod-scheduled", ...podFact(pod), node: node.metadata.name });
  }

  /** Where each of them would stand beside the others; null when one of them stands nowhere. */
  function placesFor(members: readonly Pod[]): readonly Node[] | null {
    const reserved: Reserved = new Map();
    const places: Node[] = [];
    for (const pod of members) {
      const node = bestNode(pod, reserved);
      if (node === null) return null;
      const { name } = node.metadata;
      const used = reserved.get(name) ?? new Map(index.usedOn(name));
      add(used, index.requests(pod));
      reserved.set(name, used);
      places.push(node);
    }
    return places;
  }

  /** `tooMany`: by what they ask for, how many of a gang are known to find no room in this pass. */
  function bindTogether(members: readonly Pod[], { size }: Gang, tooMany: Map<string, number>): boolean {
    const [first] = members;
    if (first === undefined) return false;
    const shape = shapeOf(first);
    const isHopeless = members.length >= (tooMany.get(shape) ?? Infinity);
    const places = members.length < size || isHopeless ? null : placesFor(members);
    if (places !== null) {
      for (const [at, pod] of members.entries()) {
        const node = places[at];
        if (node !== undefined) bind(pod, node);
      }
      return true;
    }
    if (members.length >= size && members.every((pod) => shapeOf(pod) === shape))
      tooMany.set(shape, Math.min(members.length, tooMany.get(shape) ?? Infinity));
    return members.map(refuse).includes(true);
  }

  /** The condition and its instant are written once: the age that an autoscaler reads must be true. */
  function refuse(pod: Pod): boolean {
    const known = conditionOf(pod.status?.conditions, "PodScheduled");
    if (known?.status === "False" && known.reason === "Unschedulable") return false;
    const message = explain(pod);
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime: timestamp(core.now),
    };
    core.store.write("pods", {
      ...pod,
      status: {
        ...pod.status,
        phase: "Pending",
        conditions: withCondition(pod.status?.conditions, condition),
      },
    });
    core.note({ kind: "pod-unschedulable", ...podFact(pod), message });
    return true;
  }

  function explain(pod: Pod): string {
    const counts = new Map<string, number>();
    for (const { node, allocatable } of candidates.values()) {
      const why =
        firstMisfit(pod, index.requests(pod), node, allocatable, index.usedOn(node.metadata.name)) ??
        constraints.misfit(pod, node) ??
        "fit";
      counts.set(why, (counts.get(why) ?? 0) + 1);
    }
    const parts = [...counts].map(([why, count]) => `${count} ${why}`);
    return `0/${candidates.size} nodes are available${parts.length === 0 ? "" : `: ${parts.join(", ")}`}.`;
  }

  return {
    pass: () => {
      if (!somethingChanged) return false;
      somethingChanged = false;
      const hopeless = new Set<string>();
      const tooMany = new Map<string, number>();
      const tried = new Set<string>();
      let wrote = false;
      const pods = inOrder(waiting, core);
      const gangs = core.settings.holdsGangs ? Map.groupBy(pods, (pod) => gangOf(pod)?.id) : null;
      for (const pod of pods) {
        const gang = gangs === null ? null : gangOf(pod);
        if (gang !== null) {
          if (tried.has(gang.id)) continue;
          tried.add(gang.id);
          wrote = bindTogether(gangs?.get(gang.id) ?? [], gang, tooMany) || wrote;
          continue;
        }
        const shape = shapeOf(pod);
        const node = hopeless.has(shape) ? null : bestNode(pod);
        if (node === null) {
          hopeless.add(shape);
          wrote = refuse(pod) || wrote;
        } else {
          bind(pod, node);
          wrote = true;
        }
      }
      return wrote;
    },
  };
}

function gangOf({ metadata: { namespace = "", annotations = {} } }: Pod): Gang | null {
  const name = annotations[POD_ANNOTATION.gang];
  const size = Number(annotations[POD_ANNOTATION.gangSize] ?? 1);
  return name === undefined || !(size > 1) ? null : { id: `${namespace}/${name}`, size };
}

function nodeHeldBefore(previous: Pod | null): string | null {
  return previous === null ? null : nodeHeldBy(previous);
}

function isPending(pod: Pod): boolean {
  const ours = (pod.spec.schedulerName ?? DEFAULT_SCHEDULER) === DEFAULT_SCHEDULER;
  return ours && pod.spec.nodeName === undefined && !isTerminating(pod) && !isFinished(pod);
}

function inOrder(keys: ReadonlySet<string>, core: Core): readonly Pod[] {
  const pods = [...keys].flatMap((key) => core.store.get("pods", key) ?? []);
  // Keys were added as the pods came, and the sort is stable: equal priorities stay in order of age.
  return pods.toSorted((one, other) => priorityOf(other) - priorityOf(one));
}

function priorityOf(pod: Pod): number {
  return pod.spec.priority ?? SYSTEM_PRIORITY[pod.spec.priorityClassName ?? ""] ?? 0;
}

/** The first reason why the node does not take the pod, in the real scheduler's words; null when it does. */
function firstMisfit(
  pod: Pod,
  requests: Amounts,
  node: Node,
  allocatable: Amounts,
  used: Amounts,
): string | null {
  const taint = firstUntolerated(pod.spec.tolerations, node.spec?.taints);
  if (taint !== null) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  if (!hasLabels(node.metadata.labels, pod.spec.nodeSelector))
    return "node(s) didn't match Pod's node affinity/selector";
  for (const [name, amount] of requests) {
    if (amount > 0 && amount > free(allocatable, used, name))
      return name === "pods" ? "Too many pods" : `Insufficient ${name}`;
  }
  return null;
}

function free(allocatable: Amounts, used: Amounts, name: string): number {
  return (allocatable.get(name) ?? 0) - (used.get(name) ?? 0);
}

/** A heartbeat changes nothing for the scheduler; anything that it looks at may. */
function mayTakeMore(previous: Node, next: Node): boolean {
  return !(
    sameJson(previous.spec, next.spec) &&
    sameJson(previous.metadata.labels, next.metadata.labels) &&
    sameJson(previous.status?.allocatable, next.status?.allocatable)
  );
}

function freesResources(previous: Pod | null, next: Pod | null): boolean {
  const held = previous !== null && previous.spec.nodeName !== undefined && !isFinished(previous);
  return held && (next === null || isFinished(next));
}
