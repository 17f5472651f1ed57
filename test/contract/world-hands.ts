// What each kind of group is in the simulated world, for the contract suite: how it comes to be, what its provider knows of
// it, and what another hand does to it.

import type { MachinePoolShape } from "../../coordinator/replay/world-options.ts";
import type { World } from "../../coordinator/replay/world.ts";
import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { CLUSTER_API, KARPENTER } from "../../shared/model/names.ts";
import type { HarnessSetup } from "./harness.ts";

export type StageKind = "MachineDeployment" | "MachinePool" | "static NodePool" | "dynamic NodePool";

export /** One kind of group in the world: how it comes to be, and what the provider knows of it. */
interface Hands {
  add(world: World, shape: MachinePoolShape, bounds: HarnessSetup): void;
  target(name: string): ScaleGroup;
  /** Members with a machine, by the id that the back end takes. */
  instances(world: World, name: string): readonly string[];
  size(world: World, name: string): number | null;
  resize(world: World, name: string, to: number): void;
  remove(world: World, name: string): void;
  nodeOf(world: World, id: string): string | undefined;
}

const NAMESPACE = "default";

function claimsOf(world: World, pool: string) {
  return world
    .list("nodeclaims")
    .filter(
      ({ metadata }) =>
        metadata.labels?.[KARPENTER.nodePool] === pool && metadata.deletionTimestamp === undefined,
    );
}

const KARPENTER_HANDS: Omit<Hands, "add" | "size" | "resize"> = {
  target: (name) => ({ apiVersion: `${KARPENTER.group}/v1`, kind: "NodePool", name }),
  instances: (world, name) =>
    claimsOf(world, name).flatMap(({ metadata, status }) =>
      status?.providerID === undefined ? [] : [metadata.name],
    ),
  remove: (world, name) => void world.remove("nodepools", { name }),
  nodeOf: (world, name) => world.get("nodeclaims", { name })?.status?.nodeName,
};

function clusterApiTarget(kind: string, name: string): ScaleGroup {
  return { apiVersion: `${CLUSTER_API.group}/v1beta1`, kind, name, namespace: NAMESPACE };
}

function boundsOf({ min, max }: HarnessSetup): Readonly<Record<string, string>> {
  return { [CLUSTER_API.minSize]: String(min), [CLUSTER_API.maxSize]: String(max) };
}

export const HANDS: Readonly<Record<StageKind, Hands>> = {
  MachineDeployment: {
    add: (world, shape, bounds) => {
      world.addPool(shape);
      const object = world.get("machinedeployments", { namespace: NAMESPACE, name: shape.name });
      if (object === null) throw new Error("no MachineDeployment");
      const metadata = { ...object.metadata, annotations: boundsOf(bounds) };
      world.put("machinedeployments", { ...object, metadata });
    },
    target: (name) => clusterApiTarget("MachineDeployment", name),
    instances: (world, name) =>
      world
        .list("machines")
        .filter(({ metadata }) => metadata.labels?.[CLUSTER_API.deploymentName] === name)
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .flatMap(({ metadata, status }) => (status?.nodeRef === undefined ? [] : [metadata.name])),
    size: (world, name) =>
      world.get("machinedeployments", { namespace: NAMESPACE, name })?.spec.replicas ?? null,
    resize: (world, name, to) => world.scale({ namespace: NAMESPACE, name }, to),
    remove: (world, name) => void world.remove("machinedeployments", { namespace: NAMESPACE, name }),
    nodeOf: (world, name) => world.get("machines", { namespace: NAMESPACE, name })?.status?.nodeRef?.name,
  },
  MachinePool: {
    add: (world, shape, bounds) => {
      world.addMachinePool(shape);
      const object = world.get("machinepools", { namespace: NAMESPACE, name: shape.name });
      if (object === null) throw new Error("no MachinePool");
      world.put("machinepools", {
        ...object,
        metadata: { ...object.metadata, annotations: boundsOf(bounds) },
      });
    },
    target: (name) => clusterApiTarget("MachinePool", name),
    instances: (world, name) =>
      (world.get("machinepools", { namespace: NAMESPACE, name })?.status?.nodeRefs ?? []).map(
        (node) => node.name,
      ),
    size: (world, name) => world.get("machinepools", { namespace: NAMESPACE, name })?.spec?.replicas ?? null,
    resize: (world, name, to) => {
      const object = world.get("machinepools", { namespace: NAMESPACE, name });
      if (object !== null) world.put("machinepools", { ...object, spec: { ...object.spec, replicas: to } });
    },
    remove: (world, name) => void world.remove("machinepools", { namespace: NAMESPACE, name }),
    nodeOf: (_, node) => node,
  },
  "static NodePool": {
    ...KARPENTER_HANDS,
    add: (world, shape, { max }) => world.addNodePool({ ...shape, nodeLimit: max }),
    size: (world, name) => world.get("nodepools", { name })?.spec?.replicas ?? null,
    resize: (world, name, to) => {
      const object = world.get("nodepools", { name });
      if (object !== null) world.put("nodepools", { ...object, spec: { ...object.spec, replicas: to } });
    },
  },
  "dynamic NodePool": {
    ...KARPENTER_HANDS,
    add: (world, { replicas: claims = 0, ...shape }, { max }) =>
      world.addNodePool({ ...shape, claims, nodeLimit: max }),
    size: (world, name) => (world.get("nodepools", { name }) === null ? null : claimsOf(world, name).length),
    // Karpenter itself, for pods that wait.
    resize: (world, name, to) => {
      for (let number = claimsOf(world, name).length; number < to; number++) {
        const metadata = { name: `${name}-other-${number}`, labels: { [KARPENTER.nodePool]: name } };
        world.put("nodeclaims", { metadata, spec: {} });
      }
    },
  },
};
