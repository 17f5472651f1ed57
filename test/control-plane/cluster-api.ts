// Stand-ins for Cluster API's controllers over the real API: Machines for a MachineDeployment, the marked ones first to
// go and then by its own order; members of a MachinePool, of which its provider picks who goes. They act when they are
// called and not by themselves, so that a test decides what happens between two writes.

import type { Condition, KubeObject, Machine } from "../../shared/model/kube.ts";
import { CLUSTER_API } from "../../shared/model/names.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { dropNode, ifThere, registerNode } from "./nodes.ts";
import type { Provider, Refusal } from "./provider.ts";
import type { ControlPlane } from "./start.ts";

export type ClusterApiVersion = "v1beta1" | "v1beta2";

export interface ClusterApiOptions {
  readonly plane: ControlPlane;
  readonly namespace: string;
  readonly version: ClusterApiVersion;
  readonly provider: Provider;
  /** How a machine's node comes to be. Default: ready at once, without GPUs. */
  readonly register?: (client: KubeClient, node: Parameters<typeof registerNode>[1]) => Promise<unknown>;
}

export interface ClusterApi {
  readonly machineResource: Resource<Machine>;
  /** A MachineDeployment or a MachinePool. Bounds are written where Cluster Autoscaler looks for them. */
  create(
    kind: "MachineDeployment" | "MachinePool",
    group: { readonly name: string; readonly replicas: number; readonly min?: number; readonly max?: number },
  ): Promise<void>;
  machines(group: string): Promise<readonly Machine[]>;
  /** The controllers look until nothing is left for them to do: no machine is launched by that. */
  reconcile(): Promise<void>;
  /** The provider tries to fill what is open. */
  provide(): Promise<void>;
}

interface Group extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly providerIDList?: readonly string[] };
  readonly status?: { readonly replicas?: number };
}

const FINALIZER = "machine.cluster.x-k8s.io";
const INFRASTRUCTURE = { kind: "TestMachineTemplate", name: "gpu" };

export function createClusterApi(options: ClusterApiOptions): ClusterApi {
  const { plane, namespace, version, provider, register = registerNode } = options;
  const { client } = plane;
  const machineResource: Resource<Machine> = { ...RESOURCE.machines, version };
  const resourceOf = (kind: "MachineDeployment" | "MachinePool"): Resource<Group> => ({
    group: CLUSTER_API.group,
    version,
    plural: `${kind.toLowerCase()}s`,
    kind,
    namespaced: true,
  });
  const deployments = resourceOf("MachineDeployment");
  const pools = resourceOf("MachinePool");
  let names = 0;
  /** Instances of machines whose object does not say so yet. */
  const launchedFor = new Map<string, string>();

  /** A reference to objects of the infrastructure, whose definitions nobody here needs. */
  const infrastructureRef =
    version === "v1beta1"
      ? { ...INFRASTRUCTURE, apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1" }
      : { ...INFRASTRUCTURE, apiGroup: "infrastructure.cluster.x-k8s.io" };
  const machineSpec = { clusterName: "test", bootstrap: { dataSecretName: "boot" }, infrastructureRef };

  async function machines(group: string): Promise<readonly Machine[]> {
    const labelSelector = `${CLUSTER_API.deploymentName}=${group}`;
    return (await client.list(machineResource, { namespace, labelSelector })).items;
  }

  async function makeMachine(group: string): Promise<void> {
    names += 1;
    const name = `${group}-${String(names).padStart(4, "0")}`;
    const labels = { "cluster.x-k8s.io/cluster-name": "test", [CLUSTER_API.deploymentName]: group };
    await client.create(machineResource, {
      metadata: { namespace, name, labels, finalizers: [FINALIZER] },
      spec: machineSpec,
    } as Machine);
    await client.patchStatus(machineResource, { namespace, name }, { status: { phase: "Pending" } });
  }

  /** @returns whether anything was changed. */
  async function settleDeployment(deployment: Group): Promise<boolean> {
    const { name } = deployment.metadata;
    const wanted = deployment.spec.replicas ?? 1;
    const members = await machines(name);
    // Those that go are counted until they are gone, and first among those to go: none goes in their stead.
    const surplus = members.length - wanted;
    const victims = members.toSorted(byDeletionOrder).slice(0, Math.max(0, surplus)).filter(isStaying);
    for (const victim of victims) await client.delete(machineResource, victim.metadata);
    for (let missing = -surplus; missing > 0; missing -= 1) await makeMachine(name);
    const now = members.length + Math.max(0, -surplus);
    return (await reportReplicas(deployments, deployment, now)) || victims.length > 0 || surplus < 0;
  }

  /** The provider picks who goes; ours takes the oldest. */
  async function settlePool(pool: Group): Promise<boolean> {
    const ids = pool.spec.providerIDList ?? [];
    const surplus = ids.length - (pool.spec.replicas ?? 1);
    if (surplus <= 0) return await reportReplicas(pools, pool, ids.length);
    for (const id of ids.slice(0, surplus)) {
      provider.end(id);
      await dropNode(client, nodeOf(id));
    }
    await writeMembers(pool, ids.slice(surplus));
    return true;
  }

  async function writeMembers(pool: Group, ids: readonly string[]): Promise<void> {
    const { name } = pool.metadata;
    await client.mergePatch(pools, { namespace, name }, { spec: { providerIDList: ids } });
    const nodeRefs = ids.map((id) => ({ apiVersion: "v1", kind: "Node", name: nodeOf(id) }));
    await client.patchStatus(pools, { namespace, name }, { status: { replicas: ids.length, nodeRefs } });
  }

  async function reportReplicas(resource: Resource<Group>, group: Group, replicas: number): Promise<boolean> {
    if ((group.status?.replicas ?? 0) === replicas) return false;
    await client.patchStatus(resource, { namespace, name: group.metadata.name }, { status: { replicas } });
    return true;
  }

  /** A machine that goes: its node, its instance, and then the object. */
  async function finish(machine: Machine): Promise<void> {
    const { name } = machine.metadata;
    const { providerID } = machine.spec ?? {};
    if (machine.status?.nodeRef !== undefined) await dropNode(client, machine.status.nodeRef.name);
    if (providerID !== undefined) provider.end(providerID);
    await ifThere(
      client.mergePatch(machineResource, { namespace, name }, { metadata: { finalizers: null } }),
    );
  }

  async function bringUp(machine: Machine): Promise<void> {
    const ref = { namespace, name: machine.metadata.name };
    // As the real providers do, by the machine's name: the API server may be away before the instance is noted there.
    const known = launchedFor.get(ref.name);
    const launched = known === undefined ? provider.launch() : { providerID: known };
    if (!("providerID" in launched)) {
      await client.patchStatus(machineResource, ref, { status: failureStatus(version, launched) });
      return;
    }
    const { providerID } = launched;
    launchedFor.set(ref.name, providerID);
    const node = nodeOf(providerID);
    await client.mergePatch(machineResource, ref, { spec: { providerID } });
    const annotations = { "cluster.x-k8s.io/machine": ref.name };
    if ((await ifThere(client.get(RESOURCE.nodes, { name: node }))) === null)
      await register(client, { name: node, providerID, annotations });
    const nodeRef = version === "v1beta1" ? { apiVersion: "v1", kind: "Node", name: node } : { name: node };
    const cleared =
      version === "v1beta1" ? { failureReason: null, failureMessage: null } : { conditions: null };
    await client.patchStatus(machineResource, ref, { status: { ...cleared, phase: "Running", nodeRef } });
  }

  /** @returns whether anything was changed. */
  async function pass(): Promise<boolean> {
    let changed = false;
    const groups = (await client.list(deployments, { namespace })).items;
    for (const group of groups) changed = (await settleDeployment(group)) || changed;
    for (const pool of (await client.list(pools, { namespace })).items)
      changed = (await settlePool(pool)) || changed;
    const there = new Set(groups.map(({ metadata }) => metadata.name));
    for (const machine of (await client.list(machineResource, { namespace })).items) {
      const orphaned = !there.has(machine.metadata.labels?.[CLUSTER_API.deploymentName] ?? "");
      if (!isStaying(machine)) await finish(machine);
      else if (orphaned) await client.delete(machineResource, machine.metadata);
      else continue;
      changed = true;
    }
    return changed;
  }

  return {
    machineResource,
    create: async (kind, { name, replicas, min, max }) => {
      const annotations = {
        ...(min === undefined ? {} : { [CLUSTER_API.minSize]: String(min) }),
        ...(max === undefined ? {} : { [CLUSTER_API.maxSize]: String(max) }),
      };
      const selector = { matchLabels: { [CLUSTER_API.deploymentName]: name } };
      await client.create(resourceOf(kind), {
        metadata: { namespace, name, annotations },
        spec: {
          clusterName: "test",
          replicas,
          ...(kind === "MachineDeployment" ? { selector } : {}),
          template: { metadata: { labels: selector.matchLabels }, spec: machineSpec },
        },
      } as Group);
    },
    machines,
    reconcile: async () => {
      for (let changed = true; changed;) changed = await pass();
    },
    provide: async () => {
      for (const machine of (await client.list(machineResource, { namespace })).items) {
        if (isStaying(machine) && machine.status?.nodeRef === undefined) await bringUp(machine);
      }
      for (const pool of (await client.list(pools, { namespace })).items) {
        const ids = [...(pool.spec.providerIDList ?? [])];
        while (ids.length < (pool.spec.replicas ?? 1)) {
          const launched = provider.launch();
          if (!("providerID" in launched)) break;
          await register(client, { name: nodeOf(launched.providerID), providerID: launched.providerID });
          ids.push(launched.providerID);
        }
        await writeMembers(pool, ids);
      }
    },
  };
}

/** A node is called as the last part of its providerID. */
export function nodeOf(providerID: string): string {
  return providerID.slice(providerID.lastIndexOf("/") + 1);
}

function isStaying({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** The default order of Cluster API: going already, marked, without a healthy node, then by name. */
function byDeletionOrder(a: Machine, b: Machine): number {
  return rank(a) - rank(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

function rank(machine: Machine): number {
  if (!isStaying(machine)) return 0;
  if (machine.metadata.annotations?.[CLUSTER_API.deleteMachine] !== undefined) return 1;
  return machine.status?.nodeRef === undefined ? 2 : 3;
}

/** Where a provider's refusal is to be read: in fields of its own, and since v1beta2 in a condition. */
function failureStatus(version: ClusterApiVersion, { code, message }: Refusal): object {
  const text = `${code}: ${message}`;
  if (version === "v1beta1") return { phase: "Failed", failureReason: "CreateError", failureMessage: text };
  const condition: Condition & { readonly lastTransitionTime: string } = {
    type: "InfrastructureReady",
    status: "False",
    reason: "InstanceProvisionFailed",
    message: text,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  return { phase: "Provisioning", conditions: [condition] };
}
