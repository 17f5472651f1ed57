// What Azure's calls do to a simulated cloud, and what the services refuse: stale conditions, sizes and machines that are
// none, a pool that AKS's own autoscaler sizes. Changes begin operations, which end as the simulation goes on.

import type { CloudGroup, Clouds } from "../../../coordinator/replay/world-cloud.ts";
import { AZURE_PLACE, azureHostName } from "../../../coordinator/replay/world-cloud.ts";
import {
  azureCode,
  CLUSTER,
  deadIn,
  describeCluster,
  describeMachines,
  describePool,
  describeSet,
  etagOf,
  failureIn,
  liveIn,
  missingIn,
  LOCATION,
} from "./azure-groups.ts";
import type { AzureGroupSettings } from "./azure-groups.ts";
import { AzureRefusal, jsonOf, onlyFields, requireVersion, textList, wholeNumber } from "./azure-request.ts";
import type { AzureRequest, Json } from "./azure-request.ts";

export interface ActionContext {
  readonly clouds: Clouds;
  /** The services' clock minus the world's. */
  readonly skewMs: number;
  /** Entries on a page. */
  readonly pageSize: number;
  /** Where next pages and operations are. */
  readonly origin: string;
  /** Whether the groups are pools of an AKS cluster. */
  readonly isAks: boolean;
  /** One change of a pool after the other, as AKS has it. */
  readonly isSerial: boolean;
  settings(group: string): AzureGroupSettings;
  readonly operations: Map<string, Operation>;
  readonly autoscaleSettings: readonly Json[];
  readonly permissions: readonly Json[];
}

export interface Operation {
  readonly id: string;
  readonly group: string;
  readonly service: "Microsoft.Compute" | "Microsoft.ContainerService";
  readonly kind: "size" | "delete";
  readonly version: number;
}

export interface Result {
  readonly status: number;
  readonly json?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

type Action = (request: AzureRequest, context: ActionContext) => Result;

/** More in one set are refused. */
const MOST = 1_000;

const ACTIONS: Readonly<Record<string, Action>> = {
  ListScaleSets: (request, context) =>
    paged(
      request,
      context,
      inSetGroup(request) ? context.clouds.groups().map((group) => shownSet(group, context)) : [],
    ),
  GetScaleSet: (request, context) => ({ status: 200, json: shownSet(setOf(request, context), context) }),
  SetCapacity: setCapacity,
  ListMachines: (request, context) => {
    const group = setOf(request, context);
    return paged(request, context, describeMachines(group, context.settings(group.name), context.skewMs));
  },
  DeleteInstances: (request, context) => {
    const group = setOf(request, context);
    const ids = textList(jsonOf(request, ["instanceIds"])["instanceIds"], "instanceIds");
    for (const id of ids)
      if (!isThere(group, id))
        throw new AzureRefusal(
          "InvalidParameter",
          `The provided instanceId ${id} is not an active Virtual Machine Scale Set VM instanceId.`,
        );
    return deleted(group, ids, "Microsoft.Compute", context);
  },
  GetComputeOperation: readOperation,
  GetComputeResult: readResult,
  GetCluster: (request) => {
    requireCluster(request);
    return { status: 200, json: describeCluster() };
  },
  ListAgentPools: (request, context) => {
    requireCluster(request);
    return paged(
      request,
      context,
      context.clouds.groups().map((group) => describePool(group, context.settings(group.name))),
    );
  },
  GetAgentPool: (request, context) => {
    const group = poolOf(request, context);
    return { status: 200, json: describePool(group, context.settings(group.name)) };
  },
  PutAgentPool: putAgentPool,
  DeleteMachines: (request, context) => {
    const group = poolOf(request, context);
    requireIdle(group, context);
    const names = textList(jsonOf(request, ["machineNames"])["machineNames"], "machineNames");
    const byName = new Map(
      [...liveIn(group).map(({ id }) => id), ...deadIn(group)].map((id) => [
        azureHostName(group.name, id),
        id,
      ]),
    );
    const ids = names.map((name) => {
      const id = byName.get(name);
      if (id === undefined)
        throw new AzureRefusal(
          "NotFound",
          `Could not find the machine ${name} in agent pool ${group.name}.`,
          404,
        );
      return id;
    });
    const { pool } = context.settings(group.name);
    if (pool["mode"] === "System" && group.desired - ids.length < 1)
      throw new AzureRefusal(
        "InvalidParameter",
        "A system pool needs at least one node, so its count cannot fall to 0.",
      );
    return deleted(group, ids, "Microsoft.ContainerService", context);
  },
  GetAgentPoolOperation: readOperation,
  GetAgentPoolResult: readResult,
  ListAutoscaleSettings: (request, context) => paged(request, context, context.autoscaleSettings),
  ListPermissions: (request, context) => paged(request, context, context.permissions),
};

/** @throws AzureRefusal for what the services refuse. */
export function perform(request: AzureRequest, context: ActionContext): Result {
  requireVersion(request);
  if (request.subscription !== AZURE_PLACE.subscription)
    throw new AzureRefusal(
      "SubscriptionNotFound",
      `The subscription '${request.subscription}' could not be found.`,
    );
  const action = Object.hasOwn(ACTIONS, request.action) ? ACTIONS[request.action] : undefined;
  if (action === undefined) throw new AzureRefusal("NotFound", `There is no ${request.action}.`, 404);
  return action(request, context);
}

function setCapacity(request: AzureRequest, context: ActionContext): Result {
  const group = setOf(request, context);
  const sku = onlyFields(jsonOf(request, ["sku"])["sku"], ["name", "tier", "capacity"]);
  if (sku["name"] !== undefined && sku["name"] !== group.shape.instanceTypes[0])
    throw new AzureRefusal(
      "PropertyChangeNotAllowed",
      "Changing property 'sku.name' needs all machines to be stopped.",
    );
  const capacity = wholeNumber(sku["capacity"], "sku.capacity");
  requireMatch(request, etagOf(group, context.settings(group.name)));
  resize(group, capacity, context);
  const now = context.clouds.group(group.name) ?? group;
  return {
    status: 200,
    json: shownSet(now, context),
    headers: begin(now, "size", "Microsoft.Compute", context),
  };
}

function putAgentPool(request: AzureRequest, context: ActionContext): Result {
  const group = poolOf(request, context);
  const settings = context.settings(group.name);
  const shown = describePool(group, settings)["properties"] as Json;
  const properties = onlyFields(jsonOf(request, ["properties"])["properties"], Object.keys(shown));
  const count = wholeNumber(properties["count"], "properties.count");
  requireMatch(request, String(shown["eTag"]));
  requireIdle(group, context);
  if (shown["enableAutoScaling"] === true)
    throw new AzureRefusal(
      "InvalidParameter",
      "The count of a pool cannot be set while its cluster autoscaler is enabled.",
    );
  // What is left out goes back to its default, and what is changed may start every node anew.
  for (const field of Object.keys(shown).filter((name) => !READ_ONLY.includes(name) && name !== "count"))
    if (JSON.stringify(properties[field]) !== JSON.stringify(shown[field]))
      throw new AzureRefusal(
        "PropertyChangeNotAllowed",
        `Changing property 'properties.${field}' is not allowed.`,
      );
  if (shown["mode"] === "System" && count < 1)
    throw new AzureRefusal(
      "InvalidParameter",
      "A system pool needs at least one node, so its count cannot be 0.",
    );
  resize(group, count, context);
  const now = context.clouds.group(group.name) ?? group;
  return {
    status: 200,
    json: describePool(now, settings),
    headers: begin(now, "size", "Microsoft.ContainerService", context),
  };
}

const READ_ONLY: readonly string[] = [
  "eTag",
  "provisioningState",
  "currentOrchestratorVersion",
  "nodeImageVersion",
];

function resize(group: CloudGroup, to: number, { clouds }: ActionContext): void {
  if (to > MOST)
    throw new AzureRefusal(
      "InvalidParameter",
      `The capacity ${to} exceeds the limit of ${MOST} machines of a set.`,
    );
  if (to > group.max)
    throw new AzureRefusal(
      "OperationNotAllowed",
      `Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Additional details - Current Limit: ${group.max}.`,
    );
  clouds.setDesired(group.name, to);
}

function deleted(
  group: CloudGroup,
  ids: readonly string[],
  service: Operation["service"],
  context: ActionContext,
): Result {
  const alive = liveIn(group).filter(({ id }) => ids.includes(id));
  const dead = deadIn(group).filter((id) => ids.includes(id));
  // Those with nothing behind them go in one step: in between, the simulation would try to fill one of their places.
  if (dead.length > 0) context.clouds.setDesired(group.name, group.desired - dead.length);
  for (const { id } of alive) context.clouds.terminate(id, { decrement: true });
  const now = context.clouds.group(group.name) ?? group;
  return { status: 202, headers: begin(now, "delete", service, context) };
}

/** Machines that are on their way out may be named again; nothing more happens to them. */
function isThere(group: CloudGroup, id: string): boolean {
  return group.instances.some((each) => each.id === id) || deadIn(group).includes(id);
}

function begin(
  group: CloudGroup,
  kind: Operation["kind"],
  service: Operation["service"],
  { operations, origin }: ActionContext,
): Readonly<Record<string, string>> {
  const id = `00000000-0000-4000-8000-${String(operations.size + 1).padStart(12, "0")}`;
  operations.set(id, { id, group: group.name, service, kind, version: group.version });
  const at = `${origin}/subscriptions/${AZURE_PLACE.subscription}/providers/${service}/locations/${LOCATION}`;
  return {
    "azure-asyncoperation": `${at}/operations/${id}?api-version=2024-11-01&t=1`,
    location: `${at}/operationResults/${id}?api-version=2024-11-01&t=1`,
  };
}

function operationOf({ operation }: AzureRequest, { operations }: ActionContext): Operation {
  const found = operations.get(operation);
  if (found === undefined)
    throw new AzureRefusal("ResourceNotFound", `The entity was not found: operation ${operation}.`);
  return found;
}

function readOperation(request: AzureRequest, context: ActionContext): Result {
  const operation = operationOf(request, context);
  const group = context.clouds.group(operation.group);
  const json = { name: operation.id, startTime: "2026-01-05T09:00:00Z", ...statusOf(operation, group) };
  return { status: 200, json };
}

function statusOf(
  { kind, version }: Operation,
  group: CloudGroup | null,
): { readonly status: string; readonly error?: Json } {
  if (group === null)
    return { status: "Failed", error: { code: "NotFound", message: "The resource is gone." } };
  if (kind === "delete")
    return {
      status: group.instances.some(({ state }) => state === "terminating") ? "InProgress" : "Succeeded",
    };
  if (group.version !== version)
    return {
      status: "Canceled",
      error: {
        code: "OperationPreempted",
        message: "The operation was preempted by a more recent operation.",
      },
    };
  const failure = failureIn(group);
  if (failure !== null)
    return { status: "Failed", error: { code: azureCode(failure), message: failure.message } };
  const isBusy = missingIn(group) > 0 || group.instances.some(({ state }) => state === "pending");
  return { status: isBusy ? "InProgress" : "Succeeded" };
}

function readResult(request: AzureRequest, context: ActionContext): Result {
  const operation = operationOf(request, context);
  const group = context.clouds.group(operation.group);
  if (group === null || operation.kind === "delete") return { status: 200 };
  return {
    status: 200,
    json:
      operation.service === "Microsoft.Compute"
        ? shownSet(group, context)
        : describePool(group, context.settings(group.name)),
  };
}

function requireMatch({ headers }: AzureRequest, etag: string): void {
  const wanted = headers["if-match"];
  if (wanted !== undefined && wanted !== "*" && wanted !== etag)
    throw new AzureRefusal(
      "PreconditionFailed",
      `The condition '${wanted}' in the If-Match header was not satisfied.`,
    );
}

function requireIdle(group: CloudGroup, { isSerial, operations }: ActionContext): void {
  const last = [...operations.values()].findLast((operation) => operation.group === group.name);
  if (isSerial && last !== undefined && statusOf(last, group).status === "InProgress")
    throw new AzureRefusal(
      "OperationNotAllowed",
      `Operation is not allowed because there's an in progress operation (${last.id}) on the agent pool.`,
    );
}

function inSetGroup({ resourceGroup }: AzureRequest): boolean {
  return resourceGroup === AZURE_PLACE.resourceGroup;
}

function shownSet(group: CloudGroup, { settings, isAks }: ActionContext): Json {
  return describeSet(group, settings(group.name), isAks);
}

function setOf(request: AzureRequest, { clouds }: ActionContext): CloudGroup {
  const group = clouds.groups().find(({ name }) => name.toLowerCase() === request.name);
  if (group === undefined || !inSetGroup(request))
    throw new AzureRefusal(
      "ResourceNotFound",
      `The Resource 'Microsoft.Compute/virtualMachineScaleSets/${request.name}' under resource group '${request.resourceGroup}' was not found.`,
    );
  return group;
}

function requireCluster({ resourceGroup, cluster }: AzureRequest): void {
  if (resourceGroup !== CLUSTER.resourceGroup || cluster !== CLUSTER.name)
    throw new AzureRefusal(
      "ResourceNotFound",
      `The Resource 'Microsoft.ContainerService/managedClusters/${cluster}' under resource group '${resourceGroup}' was not found.`,
    );
}

function poolOf(request: AzureRequest, { clouds }: ActionContext): CloudGroup {
  requireCluster(request);
  const group = clouds.groups().find(({ name }) => name.toLowerCase() === request.name);
  if (group === undefined)
    throw new AzureRefusal("NotFound", `Could not find the agent pool '${request.name}'.`, 404);
  return group;
}

/** A next page is an address that is taken as it is given. */
function paged(
  { query, ...request }: AzureRequest,
  { pageSize, origin }: ActionContext,
  all: readonly Json[],
): Result {
  const from = Number(query.get("$skiptoken") ?? 0);
  const to = from + pageSize;
  const next = new URLSearchParams(query);
  next.set("$skiptoken", String(to));
  const link = to < all.length ? { nextLink: `${origin}${pathOf(request)}?${next.toString()}` } : {};
  return { status: 200, json: { value: all.slice(from, to), ...link } };
}

function pathOf(request: Omit<AzureRequest, "query">): string {
  const { subscription, resourceGroup, cluster, name, action } = request;
  const group = `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers`;
  switch (action) {
    case "ListScaleSets":
      return `${group}/Microsoft.Compute/virtualMachineScaleSets`;
    case "ListMachines":
      return `${group}/Microsoft.Compute/virtualMachineScaleSets/${name}/virtualMachines`;
    case "ListAgentPools":
      return `${group}/Microsoft.ContainerService/managedClusters/${cluster}/agentPools`;
    case "ListAutoscaleSettings":
      return `/subscriptions/${subscription}/providers/Microsoft.Insights/autoscaleSettings`;
    default:
      throw new Error(`${action} has one page`);
  }
}
