// MachineDeployments and their Machines, by watch, one pair of watches for each version of the API that a policy names.
// Each place of a MachineDeployment is a Machine from the beginning, so its Machines are its members.

import { parseInstant } from "../../shared/model/instant.ts";
import type { Machine } from "../../shared/model/kube.ts";
import { CLUSTER_API } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { clusterApiBounds } from "../cloud/scale/bounds.ts";
import { inVersionOf, machinesOf } from "../cloud/scale/kinds.ts";
import { noSize, pausedBecause } from "../cloud/scale/paused.ts";
import type { GroupReading, InstanceInput } from "../decide/snapshot.ts";
import { deepFreeze } from "./freeze.ts";
import { clusterApiTemplate } from "./group-template.ts";
import { apart, joinToNode } from "./joined.ts";
import { machineFailure } from "./machine-failure.ts";
import { machineRefusal } from "./machine-refusal.ts";
import { rivalOf } from "./rival.ts";
import type { ScaleGroupsOptions, Target, VersionWatch } from "./scale-groups.ts";
import { startServed } from "./served.ts";
import { createNews, createWatched } from "./watched.ts";

interface Member {
  readonly instance: InstanceInput;
  readonly mismatch: string | undefined;
}

interface KnownMember {
  readonly member: Member;
  /** What its node said of itself then. */
  readonly actual: string | undefined;
  readonly ready: boolean;
}

export function watchMachineGroups(target: Target, options: ScaleGroupsOptions): VersionWatch {
  const { apiVersion } = target;
  /** Members by namespace and MachineDeployment; null when they have changed. */
  let members: ReadonlyMap<string, readonly Machine[]> | null = null;

  const served = startServed(target, options, () => {
    const isDeploymentNews = createNews<UnreadObject>((deployment) => [
      sizeOf(deployment),
      clusterApiTemplate(deployment),
      deployment.metadata.deletionTimestamp !== undefined,
    ]);
    const isMachineNews = createNews<Machine>((machine) => [
      machine.metadata.labels?.[CLUSTER_API.deploymentName],
      machine.spec?.providerID,
      instanceOf(machine, machine.status?.nodeRef?.name ?? null, true),
    ]);
    return {
      deployments: createWatched(
        inVersionOf(RESOURCE.machineDeployments, apiVersion),
        options.watch,
        (event) => {
          // A size that may be believed again is news too.
          if (isDeploymentNews(event) || event.kind === "live") options.onChange();
        },
      ),
      machines: createWatched(machinesOf(apiVersion), options.watch, (event) => {
        members = null;
        if (isMachineNews(event) || event.kind === "live") options.onChange();
      }),
    };
  });

  /** Of ten thousand nothing is new in most cycles: each is read again when it or its node has changed. */
  const known = new WeakMap<Machine, KnownMember>();
  const memberOf = (machine: Machine): Member => {
    const named = machine.status?.nodeRef?.name;
    const actual = named === undefined ? undefined : options.providerIdOf(named);
    const ready = named !== undefined && options.isNodeReady(named);
    const before = known.get(machine);
    if (before !== undefined && before.actual === actual && before.ready === ready) return before.member;
    const { node, mismatch } = joinToNode(
      {
        words: `Machine ${machine.metadata.name}`,
        node: named,
        providerID: machine.spec?.providerID,
      },
      () => actual,
    );
    const instance = deepFreeze(instanceOf(machine, node, node !== null && ready));
    const member = { instance, mismatch };
    known.set(machine, { actual, ready, member });
    return member;
  };

  return {
    reading: ({ name, namespace }) => {
      const open = served.open(options.clock.now());
      if ("absent" in open) return { group: open.absent, instances: [] };
      const { deployments, machines } = open.watches;
      const deployment = deployments.store.get({ namespace, name });
      if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) {
        const detail = `there is no MachineDeployment ${namespace}/${name}: create it, or correct nodePools[].group`;
        return { group: { kind: "missing", detail }, instances: [] };
      }
      members ??= Map.groupBy(machines.store.values(), ({ metadata }) =>
        memberKey(metadata.namespace, metadata.labels?.[CLUSTER_API.deploymentName]),
      );
      const found = (members.get(memberKey(namespace, name)) ?? []).map(memberOf);
      const { instances, mismatches } = apart(found);
      const said = [...mismatches, ...rivalOf(`MachineDeployment ${name}`, deployment)];
      const template = clusterApiTemplate(deployment);
      return {
        group: sizeOf(deployment),
        instances,
        ...(template === null ? {} : { template }),
        ...(said.length === 0 ? {} : { mismatches: said }),
      };
    },
  };
}

function sizeOf(deployment: UnreadObject): GroupReading {
  const { metadata, spec } = deployment;
  const replicas: unknown =
    typeof spec === "object" && spec !== null && "replicas" in spec ? spec.replicas : undefined;
  const words = `MachineDeployment ${metadata.name}`;
  const paused = pausedBecause(deployment, words);
  if (paused !== null) return { kind: "unknown", detail: paused };
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0)
    return { kind: "unknown", detail: noSize(words, replicas) };
  return { kind: "known", size: replicas, chosenRemoval: true, ...clusterApiBounds(metadata.annotations) };
}

function instanceOf(machine: Machine, node: string | null, ready: boolean): InstanceInput {
  const { metadata, spec } = machine;
  const state = stateOf(machine, ready);
  const createdAt = parseInstant(metadata.creationTimestamp ?? "");
  const failure = state === "failed" ? (machineFailure(machine) ?? machineRefusal(machine)) : undefined;
  return {
    id: metadata.name,
    node,
    state,
    ...(createdAt === null ? {} : { createdAt }),
    ...(spec?.failureDomain === undefined ? {} : { zone: spec.failureDomain }),
    ...(failure === undefined ? {} : { failure }),
  };
}

function stateOf(machine: Machine, ready: boolean): InstanceInput["state"] {
  const { metadata, status } = machine;
  if (metadata.deletionTimestamp !== undefined) return "leaving";
  if (status?.phase === "Failed" || status?.failureReason !== undefined) return "failed";
  if (machineRefusal(machine) !== undefined) return "failed";
  return ready ? "ready" : "booting";
}

function memberKey(namespace: string | undefined, deployment: string | undefined): string {
  return `${namespace ?? ""}/${deployment ?? ""}`;
}
