// Groups that are Kubernetes objects with a /scale subresource. For a Cluster API MachineDeployment one chosen
// member can go: its Machine is marked, then the number falls by one, and the controller takes the marked one
// first. For every other kind the controller picks the victim, so removal by name is refused.
// https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/scaling#marking-machines-for-deletion

import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import type { Scale } from "../../shared/model/kube.ts";
import { CLUSTER_API } from "../../shared/model/names.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Discovery, ObjectRef, Resource } from "../../shared/runtime/kube/resources.ts";
import type { CallOptions, GroupState, NodeGroup } from "./group.ts";

export type ScaleClient = Pick<KubeClient, "get" | "mergePatch" | "getScale" | "patchScale">;

export interface ScaleGroupOptions {
  readonly client: ScaleClient;
  readonly discover: Discovery;
  readonly target: ScaleGroup;
  /** Where a namespaced target lives when the policy does not say. */
  readonly defaultNamespace: string;
  /** The size has been written, or may have been: what was read before is old. */
  readonly onWritten?: () => void;
}

/** Whether single machines of this target are visible as Machine objects. */
export function hasMachines({ apiVersion, kind }: Pick<ScaleGroup, "apiVersion" | "kind">): boolean {
  return kind === "MachineDeployment" && apiVersion.startsWith(`${CLUSTER_API.group}/`);
}

/** The Machines beside a MachineDeployment of this version. */
export function machinesOf(apiVersion: string): typeof RESOURCE.machines {
  return { ...RESOURCE.machines, version: apiVersion.slice(apiVersion.indexOf("/") + 1) };
}

export function createScaleGroup({
  client,
  discover,
  target,
  defaultNamespace,
  onWritten,
}: ScaleGroupOptions): NodeGroup {
  const namespace = target.namespace ?? defaultNamespace;
  const chosenRemoval = hasMachines(target);
  const machines = machinesOf(target.apiVersion);
  const words = `${target.kind} ${target.name}`;

  async function locate(
    signal: AbortSignal,
  ): Promise<{ readonly resource: Resource; readonly ref: ObjectRef }> {
    const resource = await discover(target, { signal });
    if (!resource.scalable) {
      throw new AppError(
        "refused",
        `${words} cannot be sized: ${target.apiVersion} ${target.kind} has no scale subresource`,
      );
    }
    return { resource, ref: resource.namespaced ? { namespace, name: target.name } : { name: target.name } };
  }

  async function read(options: CallOptions): Promise<GroupState> {
    const { resource, ref } = await locate(options.signal);
    return stateOf(await client.getScale(resource, ref, options), words);
  }

  async function write(to: number, seen: GroupState, options: CallOptions): Promise<void> {
    const { resource, ref } = await locate(options.signal);
    try {
      await client.patchScale(resource, ref, { replicas: to, resourceVersion: seen.version }, options);
    } finally {
      onWritten?.();
    }
  }

  async function mark(id: string, on: boolean, options: CallOptions): Promise<void> {
    const ref = { namespace, name: id };
    const machine = await client.get(machines, ref, options);
    const marked = machine.metadata.annotations?.[CLUSTER_API.deleteMachine] !== undefined;
    if (marked === on) return;
    const { resourceVersion } = machine.metadata;
    const annotations = { [CLUSTER_API.deleteMachine]: on ? "gpu-autoscaler" : null };
    await client.mergePatch(machines, ref, { metadata: { resourceVersion, annotations } }, options);
  }

  return {
    chosenRemoval,
    read,
    resize: async (to, seen, options) => {
      if (to < seen.size)
        throw new AppError("bug", `${words}: asked to lower ${seen.size} to ${to} without naming a member`);
      await write(to, seen, options);
    },
    removeInstance: async (id, seen, options) => {
      if (!chosenRemoval)
        throw new AppError("refused", `${words} picks its own victim, so ${id} cannot be removed by name`);
      if (seen.size < 1)
        throw new AppError("refused", `${words} has size ${seen.size}, so there is nothing to remove`);
      await mark(id, true, options);
      try {
        await write(seen.size - 1, seen, options);
      } catch (error) {
        await settleRemoval(id, seen, error, options);
      }
    },
    contains: async (id, options) => {
      try {
        const machine = await client.get(machines, { namespace, name: id }, options);
        return machine.metadata.deletionTimestamp === undefined;
      } catch (error) {
        if (kindOf(error) === "not-found") return false;
        throw error;
      }
    },
    keepInstance: async (id, options) => {
      try {
        await mark(id, false, options);
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
      }
    },
  };

  /**
   * The second step failed, or nobody knows. A lower number with the mark in place means that the marked machine
   * goes, whoever lowered it. An unchanged one means that nothing has happened yet: the mark is taken back, except
   * after a time-out, when the write may still be on its way and would then take some other machine.
   * @throws the error of the write unless the removal turns out to be under way.
   */
  async function settleRemoval(
    id: string,
    seen: GroupState,
    error: unknown,
    options: CallOptions,
  ): Promise<void> {
    const now = await read(options).catch(() => null);
    if (now !== null && now.size < seen.size) return;
    const undecided = now === null || kindOf(error) === "timeout" || kindOf(error) === "unavailable";
    if (undecided) {
      throw new AppError("timeout", `${words}: whether ${id} is being removed is not known yet`, {
        cause: error,
      });
    }
    await mark(id, false, options);
    throw error;
  }
}

function stateOf(scale: Scale, words: string): GroupState {
  // A server leaves a zero out, so that a spec without a number is 0. Without a spec it is no answer at all.
  const size = scale.spec === undefined ? undefined : (scale.spec.replicas ?? 0);
  const version = scale.metadata.resourceVersion;
  if (size === undefined || version === undefined || !Number.isInteger(size) || size < 0) {
    throw new AppError(
      "malformed",
      `${words}: its scale has no usable spec.replicas (${String(size)}) or resourceVersion`,
    );
  }
  return { size, version };
}
