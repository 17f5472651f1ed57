// Cluster API's controllers: the size of a MachineDeployment becomes machines, and too many machines become
// fewer, each after its node was drained. As in Cluster API's default, a machine that is marked for deletion goes
// first, then one that never joined or failed, then any: whoever wants a certain node gone has to mark it. What
// the provider gives them is for world-provider.ts.

import type { Machine, Pod } from "../../shared/model/kube.ts";
import { CLUSTER_API } from "../../shared/model/names.ts";
import { after } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import type { Kubelet } from "./world-kubelet.ts";
import { deploymentFor, machineFor } from "./world-machine-objects.ts";
import { loseNode } from "./world-nodes.ts";
import type { PoolShape } from "./world-options.ts";
import { isFinished, isNodeBound, isNodeReady, isTerminating } from "./world-pods.ts";
import { createProvider, isDeleting } from "./world-provider.ts";
import { keyOf } from "./world-resources.ts";
import type { MachineDeployment, ObjectRef } from "./world-resources.ts";
import { sameJson } from "./world-store.ts";
import { timestamp } from "./world-time.ts";

export interface Machines extends Part {
  addPool(shape: PoolShape): void;
  setCapacity(pool: string, max: number | null, refusal?: string): void;
  /** The provider takes the machine behind a node, with everything on it. */
  interrupt(node: string): void;
  /** As a DELETE of a Machine: its node is drained, then both go. */
  deleteMachine(key: string): void;
}

type Choice = "annotated" | "unhealthy" | "random";

export function createMachines(core: Core, index: NodeIndex, kubelet: Kubelet): Machines {
  const provider = createProvider(core);
  const random = core.random("machines to remove");
  const names = core.random("machine names");
  /** Until when a machine that goes waits for its pods. */
  const drains = new Map<string, EpochMs>();
  const sizes = new Map<string, number>();
  const members = new Map<string, Set<string>>();
  const deleting = new Set<string>();
  /** Deployments that were deleted: their machines go too. */
  const orphaned: string[] = [];
  let stale = false;

  core.store.onChange((change) => {
    if (change.resource === "machinedeployments") {
      const key = keyOf(change.object.metadata);
      const size = change.kind === "deleted" ? 0 : replicasOf(change.object);
      const known = sizes.get(key);
      if (known !== undefined && known !== size) {
        core.note({ kind: "size-changed", pool: change.object.metadata.name, from: known, to: size });
      }
      sizes.set(key, size);
      if (change.kind === "deleted") orphaned.push(key);
      stale = true;
    }
    if (change.resource === "machines") {
      const key = keyOf(change.object.metadata);
      const group = deploymentKey(change.object);
      if (change.kind === "deleted") members.get(group)?.delete(key);
      else members.set(group, (members.get(group) ?? new Set()).add(key));
      if (change.kind !== "deleted" && isDeleting(change.object)) deleting.add(key);
      else deleting.delete(key);
      stale = true;
    }
    if (change.resource === "nodes") {
      const wasReady = change.previous !== null && isNodeReady(change.previous);
      stale ||= change.kind !== "modified" || isNodeReady(change.object) !== wasReady;
    }
    // Only a machine that is being drained waits for pods.
    if (change.resource === "pods") {
      stale ||= deleting.size > 0 && (change.kind === "deleted" || isFinished(change.object));
    }
  });

  function machinesOf(group: string): readonly Machine[] {
    return [...(members.get(group) ?? [])].flatMap((key) => core.store.get("machines", key) ?? []);
  }

  function grow(shape: PoolShape, group: MachineDeployment, count: number): void {
    const key = keyOf(group.metadata);
    for (let made = 0; made < count; made += 1) {
      const name = `${group.metadata.name}-${nameSuffix(names)}`;
      const zone = provider.nextZone(key);
      const machine = core.store.write("machines", machineFor(group, name, zone));
      core.note({ kind: "machine-created", pool: shape.name, machine: name });
      provider.launch(machine, key, zone);
    }
  }

  function shrink(candidates: readonly Machine[], count: number): void {
    const left = [...candidates];
    for (let taken = 0; taken < count; taken += 1) {
      const { machine, chosen } = nextVictim(left);
      left.splice(left.indexOf(machine), 1);
      beginDeletion(machine, chosen);
    }
  }

  function nextVictim(left: readonly Machine[]): { machine: Machine; chosen: Choice } {
    const annotated = left.find(
      (machine) => machine.metadata.annotations?.[CLUSTER_API.deleteMachine] !== undefined,
    );
    if (annotated !== undefined) return { machine: annotated, chosen: "annotated" };
    const unhealthy = left.find(
      (machine) => machine.status?.nodeRef === undefined || machine.status.failureReason !== undefined,
    );
    if (unhealthy !== undefined) return { machine: unhealthy, chosen: "unhealthy" };
    const machine = left[Math.floor(random() * left.length)];
    if (machine === undefined) throw new RangeError("more machines to remove than there are");
    return { machine, chosen: "random" };
  }

  function beginDeletion(machine: Machine, chosen: Choice | "direct"): void {
    if (isDeleting(machine)) return;
    const key = keyOf(machine.metadata);
    const pool = poolName(key);
    core.store.write("machines", {
      ...machine,
      metadata: { ...machine.metadata, deletionTimestamp: timestamp(core.now) },
      status: { ...machine.status, phase: "Deleting" },
    });
    core.note({ kind: "machine-deleting", pool, machine: machine.metadata.name, chosen });
    const drainUntil = after(core.now, core.settings.drainMs);
    drains.set(key, drainUntil);
    core.schedule(drainUntil, () => {
      stale = true;
    });
    for (const pod of drainablePods(machine)) if (!isTerminating(pod)) kubelet.terminate(pod, null);
  }

  /** One step of a deletion: cordon, wait for the pods, take the node, then the machine. */
  function continueDeletion(machine: Machine): boolean {
    const key = keyOf(machine.metadata);
    const nodeName = machine.status?.nodeRef?.name;
    const node = nodeName === undefined ? undefined : core.store.get("nodes", nodeName);
    if (node !== undefined) {
      const drainUntil = drains.get(key) ?? core.now;
      if (drainablePods(machine).length > 0 && core.now < drainUntil) {
        if (node.spec?.unschedulable === true) return false;
        core.store.write("nodes", { ...node, spec: { ...node.spec, unschedulable: true } });
        return true;
      }
      loseNode(core, index, kubelet, node.metadata.name);
    }
    removeMachine(machine);
    return true;
  }

  function drainablePods(machine: Machine): readonly Pod[] {
    const node = machine.status?.nodeRef?.name;
    if (node === undefined) return [];
    return [...index.podsOn(node)]
      .flatMap((key) => core.store.get("pods", key) ?? [])
      .filter((pod) => !isNodeBound(pod) && !isFinished(pod));
  }

  function removeMachine(machine: Machine): void {
    const key = keyOf(machine.metadata);
    const pool = poolName(key);
    drains.delete(key);
    core.store.remove("machines", key);
    core.note({ kind: "machine-removed", pool, machine: machine.metadata.name });
    provider.forget(key);
  }

  function poolName(machine: string): string {
    return provider.poolOfMachine(machine)?.name ?? "";
  }

  function reconcile(group: MachineDeployment): boolean {
    const key = keyOf(group.metadata);
    const shape = provider.poolOf(key);
    if (shape === undefined || group.metadata.annotations?.[CLUSTER_API.paused] !== undefined) return false;
    const alive = machinesOf(key).filter((machine) => !isDeleting(machine));
    const missing = replicasOf(group) - alive.length;
    if (missing > 0) grow(shape, group, missing);
    if (missing < 0) shrink(alive, -missing);
    return missing !== 0 || reportStatus(group, alive);
  }

  function reportStatus(group: MachineDeployment, alive: readonly Machine[]): boolean {
    const ready = alive.filter((machine) => {
      const node =
        machine.status?.nodeRef === undefined
          ? undefined
          : core.store.get("nodes", machine.status.nodeRef.name);
      return node !== undefined && isNodeReady(node);
    }).length;
    const status = {
      ...group.status,
      replicas: alive.length,
      updatedReplicas: alive.length,
      readyReplicas: ready,
      availableReplicas: ready,
      unavailableReplicas: alive.length - ready,
      observedGeneration: group.metadata.generation ?? 1,
      selector: `${CLUSTER_API.deploymentName}=${group.metadata.name}`,
      phase: ready === alive.length ? "Running" : "ScalingUp",
    };
    if (sameJson(status, group.status)) return false;
    core.store.write("machinedeployments", { ...group, status });
    return true;
  }

  return {
    addPool: (shape) => {
      const deployment = deploymentFor(shape);
      provider.addPool(keyOf(deployment.metadata), shape);
      core.store.write("machinedeployments", deployment);
    },
    setCapacity: (pool, max, refusal) => provider.setCapacity(pool, max, refusal),
    interrupt: (name) => {
      const node = core.store.get("nodes", name);
      if (node === undefined) return;
      core.note({ kind: "node-interrupted", node: name });
      const machine = [...core.store.list("machines")].find((each) => each.status?.nodeRef?.name === name);
      loseNode(core, index, kubelet, name);
      if (machine === undefined || isDeleting(machine)) return;
      const shape = provider.poolOfMachine(keyOf(machine.metadata));
      if (shape?.onInterrupt === "replaced") removeMachine(machine);
      else provider.fail(machine, "InstanceTerminated", "the provider took the instance");
    },
    deleteMachine: (key) => {
      const machine = core.store.get("machines", key);
      if (machine !== undefined) beginDeletion(machine, "direct");
    },
    pass: () => {
      if (!stale) return false;
      stale = false;
      let wrote = false;
      for (const group of Array.from(core.store.list("machinedeployments")))
        wrote = reconcile(group) || wrote;
      for (const group of orphaned.splice(0)) {
        for (const machine of machinesOf(group)) beginDeletion(machine, "direct");
      }
      for (const key of Array.from(deleting)) {
        const machine = core.store.get("machines", key);
        if (machine !== undefined) wrote = continueDeletion(machine) || wrote;
      }
      return wrote;
    },
  };
}

function replicasOf(group: MachineDeployment): number {
  return group.spec.replicas ?? 1;
}

function deploymentKey(machine: Machine): string {
  const name = machine.metadata.labels?.[CLUSTER_API.deploymentName] ?? "";
  return keyOf({ namespace: machine.metadata.namespace, name } satisfies ObjectRef);
}
