// Scale sets, their machines and AKS pools as Azure describes them, over groups of the simulated cloud: what the simulation
// does not know of a real one (tags, policies, states of single machines, who else sizes it) is set here by the test.

import type { CloudFailure, CloudGroup, CloudInstance } from "../../../coordinator/replay/world-cloud.ts";
import { AZURE_PLACE, azureHostName } from "../../../coordinator/replay/world-cloud.ts";
import type { Json } from "./azure-request.ts";

export const LOCATION = "westus3";
export const CLUSTER = { resourceGroup: "gpu", name: "train" } as const;

export interface AzureGroupSettings {
  readonly tags: Readonly<Record<string, string>>;
  readonly orchestrationMode: "Uniform" | "Flexible";
  readonly overprovision: boolean;
  readonly singlePlacementGroup: boolean;
  readonly spotRestore: boolean;
  readonly repairs: boolean;
  readonly evictionPolicy: "Delete" | "Deallocate";
  /** Instead of the one that follows from the simulation. */
  readonly provisioningState: string | null;
  /** Machines that somebody protected from scale-in. */
  readonly protected: readonly string[];
  /** Machines without power, as somebody who stops them or an eviction that keeps their disks leaves them. */
  readonly deallocated: readonly string[];
  /** Machines that it does not list yet, as it is with those that Azure has just begun to make. */
  readonly unlisted: readonly string[];
  /** Grows with each change of something else than the size. */
  readonly revision: number;
  /** Of an AKS pool: properties beside those that follow from the simulation. */
  readonly pool: Json;
}

export const PLAIN_SETTINGS: AzureGroupSettings = {
  tags: {},
  orchestrationMode: "Uniform",
  overprovision: false,
  singlePlacementGroup: false,
  spotRestore: false,
  repairs: false,
  evictionPolicy: "Delete",
  provisioningState: null,
  protected: [],
  deallocated: [],
  unlisted: [],
  revision: 0,
  pool: {},
};

/** Numbers of entries that have no machine behind them. */
const DEAD_FROM = 1_000_000;

export function liveIn({ instances }: CloudGroup): readonly CloudInstance[] {
  return instances.filter(({ state }) => state !== "terminating");
}

export function missingIn(group: CloudGroup): number {
  return Math.max(0, group.desired - liveIn(group).length);
}

/** Why the newest launch since the last change of the size failed; null: none did. */
export function failureIn(group: CloudGroup): CloudFailure | null {
  const newest = group.activities.find(({ what, at }) => what === "launch" && at >= group.desiredAt);
  return missingIn(group) === 0 ? null : (newest?.failure ?? null);
}

/** As Azure spells it. */
export function azureCode({ code }: CloudFailure): string {
  return code === "InsufficientInstanceCapacity" ? "AllocationFailed" : code;
}

/** Entries of machines that could not be made: listed, counted, and nothing behind them. */
export function deadIn(group: CloudGroup): readonly string[] {
  const count = failureIn(group) === null ? 0 : missingIn(group);
  return Array.from({ length: count }, (_, at) => String(DEAD_FROM + at));
}

export function stateOf(group: CloudGroup, settings: AzureGroupSettings): string {
  if (settings.provisioningState !== null) return settings.provisioningState;
  if (failureIn(group) !== null) return "Failed";
  const isBusy = missingIn(group) > 0 || group.instances.some(({ state }) => state !== "running");
  return isBusy ? "Updating" : "Succeeded";
}

export function etagOf(group: CloudGroup, { revision }: AzureGroupSettings): string {
  return `"${group.version}-${revision}"`;
}

export function setId(name: string): string {
  const { subscription, resourceGroup } = AZURE_PLACE;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachineScaleSets/${name}`;
}

export function describeSet(group: CloudGroup, settings: AzureGroupSettings, pool: boolean): Json {
  const { name, shape, desired } = group;
  const isSpot = shape.capacityType === "spot";
  const zones = shape.zones.flatMap((zone) => zoneNumber(zone) ?? []);
  return {
    name,
    id: setId(name),
    type: "Microsoft.Compute/virtualMachineScaleSets",
    location: LOCATION,
    etag: etagOf(group, settings),
    ...(zones.length === 0 ? {} : { zones }),
    tags: { ...settings.tags, ...(pool ? { "aks-managed-poolName": name } : {}) },
    ...(settings.orchestrationMode === "Flexible"
      ? {}
      : { sku: { name: shape.instanceTypes[0], tier: "Standard", capacity: desired } }),
    properties: {
      orchestrationMode: settings.orchestrationMode,
      provisioningState: stateOf(group, settings),
      singlePlacementGroup: settings.singlePlacementGroup,
      overprovision: settings.overprovision,
      upgradePolicy: { mode: "Manual" },
      automaticRepairsPolicy: { enabled: settings.repairs },
      ...(isSpot ? { spotRestorePolicy: { enabled: settings.spotRestore } } : {}),
      virtualMachineProfile: isSpot
        ? { priority: "Spot", evictionPolicy: settings.evictionPolicy, billingProfile: { maxPrice: -1 } }
        : { priority: "Regular" },
      uniqueId: "0a1b2c3d-1111-4222-8333-444455556666",
    },
  };
}

export function describeMachines(
  group: CloudGroup,
  settings: AzureGroupSettings,
  skewMs: number,
): readonly Json[] {
  const failure = failureIn(group);
  const alive = group.instances
    .filter(({ id }) => !settings.unlisted.includes(id))
    .map((instance) => describeMachine(group, instance, settings, skewMs));
  const dead = deadIn(group).map((id): Json => ({
    ...common(group, id, group.shape.zones[0] ?? "", group.shape.instanceTypes[0]),
    properties: {
      latestModelApplied: true,
      provisioningState: "Failed",
      osProfile: { computerName: azureHostName(group.name, id) },
      instanceView: {
        statuses: [
          {
            code: `ProvisioningState/failed/${failure === null ? "" : azureCode(failure)}`,
            level: "Error",
            displayStatus: "Provisioning failed",
            message: failure?.message ?? "",
          },
        ],
      },
    },
  }));
  return [...alive, ...dead];
}

const MAKING = { pending: "Creating", running: "Succeeded", terminating: "Deleting" } as const;

function describeMachine(
  group: CloudGroup,
  { id, zone, instanceType, state, createdAt }: CloudInstance,
  settings: AzureGroupSettings,
  skewMs: number,
): Json {
  const isStopped = settings.deallocated.includes(id);
  const power = isStopped ? "deallocated" : state === "pending" ? "starting" : "running";
  return {
    ...common(group, id, zone, instanceType),
    properties: {
      latestModelApplied: true,
      vmId: "5f0c1d2e-0000-4000-8000-000000000000",
      timeCreated: new Date(createdAt + skewMs).toISOString(),
      provisioningState: MAKING[state],
      osProfile: { computerName: azureHostName(group.name, id) },
      ...(settings.protected.includes(id)
        ? { protectionPolicy: { protectFromScaleIn: true, protectFromScaleSetActions: false } }
        : {}),
      instanceView: {
        statuses: [
          { code: `ProvisioningState/${state === "running" ? "succeeded" : "updating"}`, level: "Info" },
          { code: `PowerState/${power}`, level: "Info", displayStatus: `VM ${power}` },
        ],
      },
    },
  };
}

function common({ name }: CloudGroup, id: string, zone: string, size: string): Json {
  const number = zoneNumber(zone);
  return {
    name: `${name}_${id}`,
    id: `${setId(name)}/virtualMachines/${id}`,
    type: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    instanceId: id,
    location: LOCATION,
    sku: { name: size, tier: "Standard" },
    ...(number === null ? {} : { zones: [number] }),
  };
}

/** `westus3-2` is zone 2; a place of another name has none. */
function zoneNumber(zone: string): string | null {
  return new RegExp(`^${LOCATION}-(\\d)$`).exec(zone)?.[1] ?? null;
}

export function poolId(name: string): string {
  const { subscription } = AZURE_PLACE;
  return `/subscriptions/${subscription}/resourceGroups/${CLUSTER.resourceGroup}/providers/Microsoft.ContainerService/managedClusters/${CLUSTER.name}/agentPools/${name}`;
}

export function describePool(group: CloudGroup, settings: AzureGroupSettings): Json {
  const { name, shape, desired } = group;
  const isSpot = shape.capacityType === "spot";
  return {
    name,
    id: poolId(name),
    type: "Microsoft.ContainerService/managedClusters/agentPools",
    properties: {
      count: desired,
      vmSize: shape.instanceTypes[0],
      type: "VirtualMachineScaleSets",
      mode: "User",
      osType: "Linux",
      maxPods: 110,
      orchestratorVersion: "1.34.2",
      currentOrchestratorVersion: "1.34.2",
      nodeImageVersion: "AKSUbuntu-2204gen2containerd-202611.01.0",
      powerState: { code: "Running" },
      enableAutoScaling: false,
      eTag: etagOf(group, settings).replaceAll('"', ""),
      provisioningState: stateOf(group, settings),
      ...(isSpot
        ? {
            scaleSetPriority: "Spot",
            scaleSetEvictionPolicy: settings.evictionPolicy,
            spotMaxPrice: -1,
            nodeTaints: ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"],
          }
        : {}),
      ...settings.pool,
    },
  };
}

export function describeCluster(): Json {
  const { subscription, resourceGroup } = AZURE_PLACE;
  return {
    name: CLUSTER.name,
    id: `/subscriptions/${subscription}/resourceGroups/${CLUSTER.resourceGroup}/providers/Microsoft.ContainerService/managedClusters/${CLUSTER.name}`,
    type: "Microsoft.ContainerService/ManagedClusters",
    location: LOCATION,
    properties: {
      provisioningState: "Succeeded",
      nodeResourceGroup: resourceGroup,
      kubernetesVersion: "1.34",
    },
  };
}
