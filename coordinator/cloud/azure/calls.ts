// The calls that the Azure back end makes, all of them: nothing else is sent to Azure, and the role in deploy/clouds/azure
// allows exactly these. Each is paced by the account's limiter, ends in time and fails with an AppError. What the answers
// mean is read elsewhere.

import * as z from "zod";

import { AppError } from "../../../shared/runtime/errors.ts";
import { maybeDone } from "../group.ts";
import type { CallOptions } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import type { Arm, ArmAnswer, ArmRequest } from "./arm.ts";
import { agentPoolPath, clusterPath, resourceGroupPath, scaleSetPath } from "./keys.ts";
import type { AgentPoolKey, ScaleSetKey } from "./keys.ts";

/** With the rights that Azure asks for. */
export const AZURE_CALLS = {
  GetScaleSet: { writes: false, rights: ["Microsoft.Compute/virtualMachineScaleSets/read"] },
  ListScaleSets: { writes: false, rights: ["Microsoft.Compute/virtualMachineScaleSets/read"] },
  ListMachines: {
    writes: false,
    rights: [
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read",
    ],
  },
  SetCapacity: { writes: true, rights: ["Microsoft.Compute/virtualMachineScaleSets/write"] },
  DeleteInstances: { writes: true, rights: ["Microsoft.Compute/virtualMachineScaleSets/delete/action"] },
  GetComputeOperation: { writes: false, rights: ["Microsoft.Compute/locations/operations/read"] },
  GetCluster: { writes: false, rights: ["Microsoft.ContainerService/managedClusters/read"] },
  GetAgentPool: { writes: false, rights: ["Microsoft.ContainerService/managedClusters/agentPools/read"] },
  ListAgentPools: { writes: false, rights: ["Microsoft.ContainerService/managedClusters/agentPools/read"] },
  PutAgentPool: { writes: true, rights: ["Microsoft.ContainerService/managedClusters/agentPools/write"] },
  DeleteMachines: {
    writes: true,
    rights: ["Microsoft.ContainerService/managedClusters/agentPools/deleteMachines/action"],
  },
  GetAgentPoolOperation: { writes: false, rights: ["Microsoft.ContainerService/locations/operations/read"] },
  ListAutoscaleSettings: { writes: false, rights: ["Microsoft.Insights/autoscaleSettings/read"] },
  ListPermissions: { writes: false, rights: ["Microsoft.Authorization/permissions/read"] },
} as const satisfies Readonly<
  Record<string, { readonly writes: boolean; readonly rights: readonly string[] }>
>;

export type AzureCall = keyof typeof AZURE_CALLS;

const COMPUTE_VERSION = "2024-11-01";
const AKS_VERSION = "2025-10-01";
const MONITOR_VERSION = "2022-10-01";
const AUTHORIZATION_VERSION = "2022-04-01";
const PAGES_MAX = 100;

type SetPlace = Pick<ScaleSetKey, "resourceGroup" | "name">;
type PoolPlace = Pick<AgentPoolKey, "resourceGroup" | "cluster" | "name">;

export interface Sku {
  readonly name: string;
  readonly tier?: string;
}

/** Bodies are as Azure sent them: bodies.ts reads them. Lists are whole, all pages of them. */
export interface AzureCalls {
  getScaleSet(place: SetPlace, options: CallOptions): Promise<unknown>;
  listScaleSets(resourceGroup: string, options: CallOptions): Promise<readonly unknown[]>;
  listMachines(place: SetPlace, options: CallOptions): Promise<readonly unknown[]>;
  setCapacity(
    place: SetPlace,
    change: { readonly sku: Sku; readonly capacity: number; readonly etag: string },
    options: CallOptions,
  ): Promise<ArmAnswer>;
  deleteInstances(place: SetPlace, instanceIds: readonly string[], options: CallOptions): Promise<ArmAnswer>;
  getCluster(place: Pick<AgentPoolKey, "resourceGroup" | "cluster">, options: CallOptions): Promise<unknown>;
  getAgentPool(place: PoolPlace, options: CallOptions): Promise<unknown>;
  listAgentPools(
    place: Pick<AgentPoolKey, "resourceGroup" | "cluster">,
    options: CallOptions,
  ): Promise<readonly unknown[]>;
  putAgentPool(
    place: PoolPlace,
    change: { readonly body: unknown; readonly etag: string },
    options: CallOptions,
  ): Promise<ArmAnswer>;
  deleteMachines(place: PoolPlace, names: readonly string[], options: CallOptions): Promise<ArmAnswer>;
  getOperation(kind: "scale-set" | "agent-pool", path: string, options: CallOptions): Promise<ArmAnswer>;
  listAutoscaleSettings(options: CallOptions): Promise<readonly unknown[]>;
  /** At a resource by its path below the subscription; "": of the subscription itself. */
  listPermissions(scope: string, options: CallOptions): Promise<readonly unknown[]>;
}

const page = z.object({ value: z.array(z.unknown()), nextLink: z.string().nullish() });

/** Each @throws AppError of a kind of codes.ts, what the limiter throws (`timeout`, `throttled`), or the signal's reason. */
export function createAzureCalls(arm: Arm, limiter: Pick<Limiter, "run">, subscription: string): AzureCalls {
  const root = `/subscriptions/${encodeURIComponent(subscription)}`;

  async function send(call: AzureCall, request: ArmRequest, options: CallOptions): Promise<ArmAnswer> {
    const { deadlineMs } = options;
    try {
      return await limiter.run(
        call,
        options,
        async (signal) => await arm.send(request, { signal, deadlineMs }),
      );
    } catch (error) {
      throw AZURE_CALLS[call].writes ? maybeDone(error) : error;
    }
  }

  async function get(call: AzureCall, path: string, what: string, options: CallOptions): Promise<unknown> {
    return (await send(call, { method: "GET", path: `${root}${path}`, what }, options)).json;
  }

  async function list(
    call: AzureCall,
    path: string,
    what: string,
    options: CallOptions,
  ): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    const asked = new Set<string>();
    let next = `${root}${path}`;
    for (;;) {
      asked.add(next);
      const read = page.safeParse((await send(call, { method: "GET", path: next, what }, options)).json);
      if (!read.success) throw new AppError("malformed", `cannot ${what}: the answer has no list "value"`);
      items.push(...read.data.value);
      const { nextLink } = read.data;
      if (nextLink === undefined || nextLink === null || nextLink === "") return items;
      const following = arm.pathOf(nextLink);
      if (following === null || asked.has(following) || asked.size >= PAGES_MAX)
        throw new AppError("malformed", `cannot ${what}: page ${asked.size} names no usable next page`);
      next = following;
    }
  }

  return {
    getScaleSet: async (place, options) =>
      await get(
        "GetScaleSet",
        versioned(scaleSetPath(place), COMPUTE_VERSION),
        `read ${wordsOf(place)}`,
        options,
      ),
    listScaleSets: async (resourceGroup, options) =>
      await list(
        "ListScaleSets",
        versioned(
          `${resourceGroupPath(resourceGroup)}/providers/Microsoft.Compute/virtualMachineScaleSets`,
          COMPUTE_VERSION,
        ),
        `list the scale sets of ${resourceGroup}`,
        options,
      ),
    listMachines: async (place, options) =>
      await list(
        "ListMachines",
        `${versioned(`${scaleSetPath(place)}/virtualMachines`, COMPUTE_VERSION)}&$expand=instanceView`,
        `list the machines of ${wordsOf(place)}`,
        options,
      ),
    setCapacity: async (place, { sku, capacity, etag }, options) =>
      await send(
        "SetCapacity",
        {
          method: "PATCH",
          path: `${root}${versioned(scaleSetPath(place), COMPUTE_VERSION)}`,
          what: `size ${wordsOf(place)} to ${capacity}`,
          json: { sku: { ...sku, capacity } },
          ifMatch: etag,
        },
        options,
      ),
    deleteInstances: async (place, instanceIds, options) =>
      await send(
        "DeleteInstances",
        {
          method: "POST",
          path: `${root}${versioned(`${scaleSetPath(place)}/delete`, COMPUTE_VERSION)}`,
          what: `delete ${instanceIds.join(", ")} of ${wordsOf(place)}`,
          json: { instanceIds },
        },
        options,
      ),
    getCluster: async (place, options) =>
      await get(
        "GetCluster",
        versioned(clusterPath(place), AKS_VERSION),
        `read AKS cluster ${place.cluster}`,
        options,
      ),
    getAgentPool: async (place, options) =>
      await get(
        "GetAgentPool",
        versioned(agentPoolPath(place), AKS_VERSION),
        `read ${poolWords(place)}`,
        options,
      ),
    listAgentPools: async (place, options) =>
      await list(
        "ListAgentPools",
        versioned(`${clusterPath(place)}/agentPools`, AKS_VERSION),
        `list the pools of AKS cluster ${place.cluster}`,
        options,
      ),
    putAgentPool: async (place, { body, etag }, options) =>
      await send(
        "PutAgentPool",
        {
          method: "PUT",
          path: `${root}${versioned(agentPoolPath(place), AKS_VERSION)}`,
          what: `size ${poolWords(place)}`,
          json: body,
          ifMatch: etag,
        },
        options,
      ),
    deleteMachines: async (place, names, options) =>
      await send(
        "DeleteMachines",
        {
          method: "POST",
          path: `${root}${versioned(`${agentPoolPath(place)}/deleteMachines`, AKS_VERSION)}`,
          what: `delete ${names.join(", ")} of ${poolWords(place)}`,
          json: { machineNames: names },
        },
        options,
      ),
    getOperation: async (kind, path, options) =>
      await send(
        kind === "scale-set" ? "GetComputeOperation" : "GetAgentPoolOperation",
        { method: "GET", path, what: "read how an operation goes on", tellsOfErrors: true },
        options,
      ),
    listAutoscaleSettings: async (options) =>
      await list(
        "ListAutoscaleSettings",
        versioned("/providers/Microsoft.Insights/autoscaleSettings", MONITOR_VERSION),
        "list the autoscale settings of Azure Monitor",
        options,
      ),
    listPermissions: async (scope, options) =>
      await list(
        "ListPermissions",
        versioned(`${scope}/providers/Microsoft.Authorization/permissions`, AUTHORIZATION_VERSION),
        "list what this identity may do",
        options,
      ),
  };
}

function versioned(path: string, version: string): string {
  return `${path}?api-version=${version}`;
}

function wordsOf({ name, resourceGroup }: SetPlace): string {
  return `scale set ${name} in ${resourceGroup}`;
}

function poolWords({ name, cluster }: PoolPlace): string {
  return `AKS pool ${name} of ${cluster}`;
}
