// A Cluster API MachineDeployment: one chosen member can go. Its Machine is marked, then the number falls by one, and
// the controller takes the marked one first. Each place has its Machine from the beginning, so a place that nothing
// fills is a Machine without an instance, and is given back in the same way.
// https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/scaling

import type { Machine } from "../../../shared/model/kube.ts";
import { CLUSTER_API } from "../../../shared/model/names.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { checkFall, checkGrowth } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { inVersionOf, machinesOf } from "./kinds.ts";
import { clusterApiState, createScaled, exists } from "./scaled.ts";
import type { ScaleGroupOptions } from "./scaled.ts";

export function createMachineDeployment(options: ScaleGroupOptions): NodeGroup {
  const { client, target } = options;
  const scaled = createScaled(options);
  const { words, namespace } = scaled;
  const machines = machinesOf(target.apiVersion);
  const deployments = inVersionOf(RESOURCE.machineDeployments, target.apiVersion);

  /** From the object itself, since its scale does not show the bounds; both are of one version. */
  async function read(call: CallOptions): Promise<GroupState> {
    const deployment = await client.get(deployments, { namespace, name: target.name }, call);
    return clusterApiState(deployment, words);
  }

  async function mark(machine: Machine, on: boolean, call: CallOptions): Promise<void> {
    const { name, resourceVersion, annotations } = machine.metadata;
    if ((annotations?.[CLUSTER_API.deleteMachine] !== undefined) === on) return;
    const change = { [CLUSTER_API.deleteMachine]: on ? "gpu-autoscaler" : null };
    await client.mergePatch(
      machines,
      { namespace, name },
      { metadata: { resourceVersion, annotations: change } },
      call,
    );
  }

  async function unmark(id: string, call: CallOptions): Promise<void> {
    try {
      await mark(await client.get(machines, { namespace, name: id }, call), false, call);
    } catch (error) {
      if (kindOf(error) !== "not-found") throw error;
    }
  }

  /** Marks them all and lowers the number by them. Who fails half-way takes the marks back. */
  async function take(chosen: readonly Machine[], seen: GroupState, call: CallOptions): Promise<void> {
    const to = seen.size - chosen.length;
    const names = chosen.map(({ metadata }) => metadata.name);
    // Of a number that fell before the mark was set, nobody can say whom it takes.
    if ((await read(call)).version !== seen.version)
      throw new AppError("conflict", `${words} has been changed since it was read`);
    try {
      for (const machine of chosen) await mark(machine, true, call);
    } catch (error) {
      // After a time-out the mark may still be on its way; whoever settles the removal takes it back.
      if (isUndecided(error)) throw error;
      for (const name of names) await unmark(name, call);
      throw error;
    }
    try {
      await scaled.write(to, seen, call);
    } catch (error) {
      await settle(names, seen, error, call);
    }
  }

  /**
   * The second step failed, or nobody knows. A lower number is ours whose answer was lost, or another hand's: then the
   * marked machines go only if that came after the marks. An unchanged one means that nothing has happened yet: the
   * marks are taken back, except after a time-out, when the write may still be on its way and would then take some
   * other machine. @throws the error of the write unless the removal turns out to be under way.
   */
  async function settle(
    names: readonly string[],
    seen: GroupState,
    error: unknown,
    call: CallOptions,
  ): Promise<void> {
    const now = await read(call).catch(() => null);
    const lower = now !== null && now.size < seen.size;
    if (lower && (await areGoing(names, call))) return;
    if (now === null || lower || isUndecided(error)) {
      throw new AppError(
        "timeout",
        `${words}: whether ${names.join(", ")} is being removed is not known yet`,
        {
          cause: error,
        },
      );
    }
    for (const name of names) await unmark(name, call);
    throw error;
  }

  async function areGoing(names: readonly string[], call: CallOptions): Promise<boolean> {
    for (const name of names) if (await exists(async () => await memberOf(name, call))) return false;
    return true;
  }

  async function memberOf(id: string, call: CallOptions): Promise<Machine> {
    const machine = await client.get(machines, { namespace, name: id }, call);
    if (machine.metadata.deletionTimestamp !== undefined)
      throw new AppError("not-found", `${words}: ${id} is being removed already`);
    if (machine.metadata.labels?.[CLUSTER_API.deploymentName] !== target.name)
      throw new AppError("not-found", `${words}: ${id} is a Machine of another group`);
    return machine;
  }

  async function remove(id: string, seen: GroupState, call: CallOptions): Promise<void> {
    checkFall(words, 1, seen);
    await take([await memberOf(id, call)], seen, call);
  }

  return {
    backEnd: "scale",
    chosenRemoval: true,
    conditional: true,
    read,
    resize: async (to, seen, call) => {
      checkGrowth(words, to, seen);
      await scaled.write(to, seen, call);
    },
    removeInstance: remove,
    // Cluster API ends the Machine, which the cloud takes anyway, and makes no other.
    releaseInstance: remove,
    cancelUnfilled: async (count, seen, call) => {
      checkFall(words, count, seen);
      const labelSelector = `${CLUSTER_API.deploymentName}=${target.name}`;
      const { items } = await client.list(machines, { namespace, labelSelector }, call);
      const open = items.filter(isUnfilled).toSorted(newestFirst);
      if (open.length < count)
        throw new AppError("conflict", `${words} has ${open.length} unfilled places, fewer than ${count}`);
      // A mark is set only on a Machine that is as it was listed: without an instance.
      await take(open.slice(0, count), seen, call);
    },
    keepInstance: unmark,
    contains: async (id, call) => await exists(async () => await memberOf(id, call)),
  };
}

function isUndecided(error: unknown): boolean {
  const kind = kindOf(error);
  return kind === "timeout" || kind === "unavailable";
}

function isUnfilled({ metadata, spec, status }: Machine): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    spec?.providerID === undefined &&
    status?.nodeRef === undefined
  );
}

function newestFirst(a: Machine, b: Machine): number {
  return (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "");
}
