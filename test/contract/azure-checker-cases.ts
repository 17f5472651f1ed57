// Requests to Azure for Microsoft's checker (azure-checker.ts): each call of the back end with the call of Microsoft's
// clients that it has to be, and requests with one fault each.

import type { ArmRequest } from "../../coordinator/cloud/azure/arm.ts";
import type { AzureCall, AzureCalls } from "../../coordinator/cloud/azure/calls.ts";
import type { CallOptions } from "../../coordinator/cloud/group.ts";

export const SUBSCRIPTION = "00000000-0000-0000-0000-000000000001";
const SET = { resourceGroup: "gpu_nodes", name: "gpu-spot" };
const POOL = { resourceGroup: "gpu_nodes", cluster: "main", name: "pool" };
const SETS_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/gpu_nodes/providers/Microsoft.Compute/virtualMachineScaleSets`;
const POOL_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/gpu_nodes/providers/Microsoft.ContainerService/managedClusters/main/agentPools/pool`;
const OPERATION = "/providers/Microsoft.Compute/locations/westeurope/operations/1?api-version=2024-11-01";

export interface Case {
  /** The call of Microsoft's clients; null where no client has it, since the path is not fixed. */
  readonly as: string | null;
  send(calls: AzureCalls, options: CallOptions): Promise<unknown>;
}

/** Every call there is: the compiler asks for the next one. */
export const CASES: Readonly<Record<AzureCall, Case>> = {
  GetScaleSet: {
    as: "VirtualMachineScaleSetsClient.Get",
    send: async (calls, options) => await calls.getScaleSet(SET, options),
  },
  ListScaleSets: {
    as: "VirtualMachineScaleSetsClient.NewListPager",
    send: async (calls, options) => await calls.listScaleSets(SET.resourceGroup, options),
  },
  ListMachines: {
    as: "VirtualMachineScaleSetVMsClient.NewListPager",
    send: async (calls, options) => await calls.listMachines(SET, options),
  },
  SetCapacity: {
    as: "VirtualMachineScaleSetsClient.BeginUpdate",
    send: async (calls, options) => {
      const sku = { name: "Standard_NC24ads_A100_v4", tier: "Standard" };
      return await calls.setCapacity(SET, { sku, capacity: 3, etag: '"1"' }, options);
    },
  },
  DeleteInstances: {
    as: "VirtualMachineScaleSetsClient.BeginDeleteInstances",
    send: async (calls, options) => await calls.deleteInstances(SET, ["0", "1"], options),
  },
  GetComputeOperation: {
    as: null,
    send: async (calls, options) =>
      await calls.getOperation("scale-set", `/subscriptions/${SUBSCRIPTION}${OPERATION}`, options),
  },
  GetCluster: {
    as: "ManagedClustersClient.Get",
    send: async (calls, options) => await calls.getCluster(POOL, options),
  },
  GetAgentPool: {
    as: "AgentPoolsClient.Get",
    send: async (calls, options) => await calls.getAgentPool(POOL, options),
  },
  ListAgentPools: {
    as: "AgentPoolsClient.NewListPager",
    send: async (calls, options) => await calls.listAgentPools(POOL, options),
  },
  PutAgentPool: {
    as: "AgentPoolsClient.BeginCreateOrUpdate",
    send: async (calls, options) => {
      const body = { properties: { count: 3, vmSize: "Standard_NC24ads_A100_v4", mode: "User" } };
      return await calls.putAgentPool(POOL, { body, etag: "7" }, options);
    },
  },
  DeleteMachines: {
    as: "AgentPoolsClient.BeginDeleteMachines",
    send: async (calls, options) => await calls.deleteMachines(POOL, ["aks-pool-1-vmss000000"], options),
  },
  GetAgentPoolOperation: {
    as: null,
    send: async (calls, options) => {
      const path = OPERATION.replace("Microsoft.Compute", "Microsoft.ContainerService");
      return await calls.getOperation("agent-pool", `/subscriptions/${SUBSCRIPTION}${path}`, options);
    },
  },
  ListAutoscaleSettings: {
    as: "AutoscaleSettingsClient.NewListBySubscriptionPager",
    send: async (calls, options) => await calls.listAutoscaleSettings(options),
  },
  // The clients ask at resource groups; at a subscription and at a resource the path is the same behind its scope.
  ListPermissions: {
    as: "PermissionsClient.NewListForResourceGroupPager",
    send: async (calls, options) => await calls.listPermissions("/resourceGroups/gpu_nodes", options),
  },
};

/** One fault each, and what Microsoft's code says of it. */
export const WRONG: Readonly<
  Record<string, readonly [request: Omit<ArmRequest, "what">, said: RegExp | null]>
> = {
  "a path that is none": [{ method: "GET", path: `${SETS_PATH.slice(0, -1)}/gpu-spot?api-version=1` }, null],
  "a longer path": [{ method: "GET", path: `${SETS_PATH}/gpu-spot/sizes?api-version=1` }, null],
  "another method": [
    { method: "PUT", path: `${SETS_PATH}/gpu-spot?api-version=1`, json: { sku: { capacity: 3 } } },
    /BeginUpdate: the method is PATCH/,
  ],
  "a capacity as text": [
    { method: "PATCH", path: `${SETS_PATH}/gpu-spot?api-version=1`, json: { sku: { capacity: "3" } } },
    /BeginUpdate: .*Capacity: json: cannot unmarshal string into Go value of type int64/,
  ],
  "a field that nobody knows": [
    { method: "PATCH", path: `${SETS_PATH}/gpu-spot?api-version=1`, json: { sku: { capactiy: 3 } } },
    /BeginUpdate: the body is .* and not {"sku":{"capactiy":3}}/,
  ],
  "a count as text": [
    { method: "PUT", path: `${POOL_PATH}?api-version=1`, json: { properties: { count: "3" } } },
    /BeginCreateOrUpdate: .*Count: json: cannot unmarshal string into Go value of type int32/,
  ],
  "ids as numbers": [
    { method: "POST", path: `${SETS_PATH}/gpu-spot/delete?api-version=1`, json: { instanceIds: [0] } },
    /BeginDeleteInstances: .*cannot unmarshal number into Go value of type string/,
  ],
  "no ids": [
    { method: "POST", path: `${SETS_PATH}/gpu-spot/delete?api-version=1`, json: {} },
    /BeginDeleteInstances: the body has no instanceIds/,
  ],
  "no names": [
    { method: "POST", path: `${POOL_PATH}/deleteMachines?api-version=1`, json: { machineNames: [] } },
    /BeginDeleteMachines: the body has no machineNames/,
  ],
  "a condition that the call does not have": [
    {
      method: "POST",
      path: `${SETS_PATH}/gpu-spot/delete?api-version=1`,
      json: { instanceIds: ["0"] },
      ifMatch: '"1"',
    },
    /BeginDeleteInstances: If-Match is "" and not/,
  ],
  "a parameter that the call does not have": [
    { method: "GET", path: `${POOL_PATH}?api-version=1&$expand=instanceView` },
    /AgentPoolsClient.Get: the query is "" and not/,
  ],
  "no version": [{ method: "GET", path: POOL_PATH }, /AgentPoolsClient.Get: api-version is missing/],
};
