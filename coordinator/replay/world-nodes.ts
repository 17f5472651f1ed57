// What the control plane does to nodes by itself: the taints of cordoned and unready ones, heartbeats, one pod
// of each DaemonSet, and the end of pods whose node is gone. Where nodes come from is for the machines.

import type { Node, Taint, Toleration } from "../../shared/model/kube.ts";
import { NODE_LABEL, POD_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import { after } from "../../shared/model/units.ts";
import type { Core, Part } from "./world-core.ts";
import { nameSuffix } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import { podFromShape } from "./world-jobs.ts";
import type { Kubelet } from "./world-kubelet.ts";
import type { DaemonSetSpec } from "./world-options.ts";
import { conditionOf, gpusOf, hasLabels, isNodeReady, podFact, withCondition } from "./world-pods.ts";
import { timestamp } from "./world-time.ts";

export interface Nodes extends Part {
  addDaemonSet(spec: DaemonSetSpec): void;
  setReady(name: string, ready: boolean): void;
}

const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
const LIFECYCLE_TAINTS: readonly string[] = [NOT_READY, UNREACHABLE, TAINT.unschedulable];

/** As the DaemonSet controller adds them to its pods. */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: NOT_READY, operator: "Exists" },
  { key: UNREACHABLE, operator: "Exists" },
  { key: TAINT.unschedulable, operator: "Exists", effect: "NoSchedule" },
];

export function createNodes(core: Core, index: NodeIndex, kubelet: Kubelet): Nodes {
  const random = core.random("daemon pod names");
  const daemonSets: DaemonSetSpec[] = [];
  const changed = new Set<string>();
  const gone = new Set<string>();

  core.store.onChange((change) => {
    if (change.resource === "nodes") {
      const { name } = change.object.metadata;
      if (change.kind === "deleted") {
        changed.delete(name);
        gone.add(name);
        core.note({ kind: "node-removed", node: name });
        return;
      }
      changed.add(name);
      gone.delete(name);
      if (change.previous === null)
        core.note({
          kind: "node-added",
          node: name,
          pool: change.object.metadata.labels?.[NODE_LABEL.pool] ?? null,
        });
      if (isNodeReady(change.object) && (change.previous === null || !isNodeReady(change.previous)))
        core.note({ kind: "node-ready", node: name });
      if (change.previous === null) beat(name, change.object.metadata.uid);
    }
    if (change.resource === "pods" && change.object.spec.nodeName !== undefined) {
      const name = change.object.spec.nodeName;
      if (core.store.get("nodes", name) === undefined) gone.add(name);
      else if (change.kind === "deleted") changed.add(name);
    }
  });

  function beat(name: string, uid: string | undefined): void {
    const { heartbeatMs } = core.settings;
    if (heartbeatMs === null) return;
    core.schedule(after(core.now, heartbeatMs), () => {
      const node = core.store.get("nodes", name);
      if (node?.metadata.uid !== uid || node === undefined) return;
      const ready = conditionOf(node.status?.conditions, "Ready");
      if (ready?.status === "True")
        writeConditions(node, { ...ready, lastHeartbeatTime: timestamp(core.now) });
      beat(name, uid);
    });
  }

  function writeConditions(node: Node, ready: NonNullable<ReturnType<typeof conditionOf>>): void {
    core.store.write("nodes", {
      ...node,
      status: { ...node.status, conditions: withCondition(node.status?.conditions, ready) },
    });
  }

  /** A cordoned or unready node carries the taint that keeps pods away; both go together. */
  function applyTaints(node: Node): boolean {
    const wanted = lifecycleTaints(node);
    const present = node.spec?.taints ?? [];
    const kept = present.filter((taint) => !isLifecycle(taint) || wanted.includes(taint.key));
    const missing = wanted.filter(
      (key) => !kept.some((taint) => taint.key === key && taint.effect === "NoSchedule"),
    );
    if (kept.length === present.length && missing.length === 0) return false;
    const added = missing.map((key): Taint => ({
      key,
      effect: "NoSchedule",
      timeAdded: timestamp(core.now),
    }));
    const { taints: _, ...spec } = node.spec ?? {};
    const taints = [...kept, ...added];
    core.store.write("nodes", { ...node, spec: { ...spec, ...(taints.length > 0 ? { taints } : {}) } });
    return true;
  }

  function applyDaemonSets(node: Node): boolean {
    const present = [...index.podsOn(node.metadata.name)].flatMap((key) => core.store.get("pods", key) ?? []);
    let wrote = false;
    for (const spec of daemonSets) {
      if (!hasLabels(node.metadata.labels, spec.nodeSelector)) continue;
      if (
        present.some((pod) =>
          pod.metadata.ownerReferences?.some((owner) => owner.uid === ownerOf(spec, node).uid),
        )
      )
        continue;
      createDaemonPod(spec, node);
      wrote = true;
    }
    return wrote;
  }

  /** Shown to whoever asks what each node will carry; its pods are made from `spec`. */
  function writeDaemonSet(spec: DaemonSetSpec): void {
    const { name, namespace = "kube-system" } = spec;
    const { spec: template } = podFromShape(spec, spec.gpus ?? 0, { name, namespace });
    core.store.write("daemonsets", {
      metadata: { name, namespace, uid: daemonSetUid(spec) },
      spec: { template: { spec: template } },
    });
  }

  function createDaemonPod(spec: DaemonSetSpec, node: Node): void {
    const suffix = spec.mirror === true ? node.metadata.name : nameSuffix(random);
    const pod = podFromShape(spec, spec.gpus ?? 0, {
      name: `${spec.name}-${suffix}`,
      namespace: spec.namespace ?? "kube-system",
      labels: { app: spec.name, ...spec.labels },
      ...(spec.mirror === true
        ? { annotations: { [POD_ANNOTATION.mirror]: node.metadata.uid ?? node.metadata.name } }
        : {}),
      ownerReferences: [ownerOf(spec, node)],
    });
    const written = core.store.write("pods", {
      ...pod,
      spec: {
        ...pod.spec,
        nodeName: node.metadata.name,
        tolerations: [...DAEMON_TOLERATIONS, ...(spec.tolerations ?? [])],
      },
      status: {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: timestamp(core.now) }],
      },
    });
    const owner = ownerOf(spec, node);
    core.note({
      kind: "pod-created",
      ...podFact(written),
      owner: `${owner.kind}/${owner.name}`,
      gpus: gpusOf(written),
      evictionPriority: null,
    });
  }

  function collectGarbage(node: string): boolean {
    const keys = [...index.podsOn(node)];
    for (const key of keys) {
      const pod = core.store.get("pods", key);
      if (pod !== undefined) kubelet.lose(pod);
    }
    return keys.length > 0;
  }

  return {
    addDaemonSet: (spec) => {
      daemonSets.push(spec);
      if (spec.mirror !== true) writeDaemonSet(spec);
      for (const node of core.store.list("nodes")) changed.add(node.metadata.name);
    },
    setReady: (name, ready) => {
      const node = core.store.get("nodes", name);
      if (node === undefined) throw new RangeError(`there is no node "${name}"`);
      writeConditions(node, readyCondition(ready, timestamp(core.now)));
    },
    pass: () => {
      let wrote = false;
      for (const name of Array.from(gone)) {
        gone.delete(name);
        wrote = collectGarbage(name) || wrote;
      }
      for (const name of Array.from(changed)) {
        changed.delete(name);
        const node = core.store.get("nodes", name);
        if (node === undefined) continue;
        wrote = applyTaints(node) || wrote;
        wrote = applyDaemonSets(node) || wrote;
      }
      return wrote;
    },
  };
}

/** The machine under a node is gone, and everything on it with it. */
export function loseNode(core: Core, index: NodeIndex, kubelet: Kubelet, name: string): void {
  for (const key of Array.from(index.podsOn(name))) {
    const pod = core.store.get("pods", key);
    if (pod !== undefined) kubelet.lose(pod);
  }
  core.store.remove("nodes", name);
}

export function readyCondition(ready: boolean, now: string): NonNullable<ReturnType<typeof conditionOf>> {
  return {
    type: "Ready",
    status: ready ? "True" : "False",
    reason: ready ? "KubeletReady" : "KubeletNotReady",
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
}

function lifecycleTaints(node: Node): readonly string[] {
  const ready = conditionOf(node.status?.conditions, "Ready")?.status;
  const keys: string[] = [];
  if (ready === "Unknown") keys.push(UNREACHABLE);
  else if (ready !== "True") keys.push(NOT_READY);
  if (node.spec?.unschedulable === true) keys.push(TAINT.unschedulable);
  return keys;
}

function isLifecycle(taint: Taint): boolean {
  return taint.effect === "NoSchedule" && LIFECYCLE_TAINTS.includes(taint.key);
}

function daemonSetUid({ name }: DaemonSetSpec): string {
  return `daemonset-${name}`;
}

function ownerOf(
  spec: DaemonSetSpec,
  node: Node,
): { apiVersion: string; kind: string; name: string; uid: string; controller: boolean } {
  if (spec.mirror !== true)
    return {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      name: spec.name,
      uid: daemonSetUid(spec),
      controller: true,
    };
  const { name, uid = "" } = node.metadata;
  return { apiVersion: "v1", kind: "Node", name, uid: `${uid}/${spec.name}`, controller: true };
}
