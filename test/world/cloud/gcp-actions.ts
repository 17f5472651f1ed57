// What the calls that an autoscaler makes do to a simulated cloud behind Google's API, and what the service refuses. A
// write answers with an operation that has begun; how it ended is seen when it is asked for. HTTP, credentials and trouble
// on demand are in gcp.ts.

import { GCP_PROJECT } from "../../../coordinator/replay/world-cloud.ts";
import type { CloudGroup, Clouds } from "../../../coordinator/replay/world-cloud.ts";
import {
  autoscalerNameOf,
  describeAutoscaler,
  describeGroup,
  describeInstances,
  describeMachineType,
  describeTemplate,
  templateNameOf,
  zoneOf,
} from "./gcp-groups.ts";
import type { Fields, GcpGroupSettings } from "./gcp-groups.ts";

export class GcpRefusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface GcpOperation {
  readonly name: string;
  readonly group: string;
  readonly zone: string;
  readonly type: string;
  readonly insertedAt: number;
  readonly error: GcpOperationError | null;
}

export interface GcpOperationError {
  readonly code: string;
  readonly message: string;
  readonly httpErrorStatusCode?: number;
}

export interface GcpContext {
  readonly clouds: Clouds;
  readonly nowMs: number;
  readonly createdAt: number;
  readonly pageMax: number;
  /** What we may do, by Google's names; null: everything. */
  readonly rights: readonly string[] | null;
  /** Whether operations that were begun do not end. */
  readonly holdsOperations: boolean;
  settings(group: string): GcpGroupSettings;
  /** Names of the group's places that had a machine that is gone. */
  remade(group: CloudGroup): ReadonlySet<string>;
  readonly operations: Map<string, GcpOperation>;
  /** Taken by the next write, which then does nothing. */
  takeFailure(): GcpOperationError | null;
}

export interface GcpRequest {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Fields;
}

type Action = (request: GcpRequest, context: GcpContext) => Fields;

const ACTIONS: Readonly<Record<string, Action>> = {
  "compute.instanceGroupManagers.get": (request, context) => {
    const group = groupIn(request, context);
    return describeGroup(group, context.settings(group.name), context.createdAt);
  },
  "compute.instanceGroupManagers.list": ({ parameters, query }, context) => {
    const all = context.clouds.groups().filter((group) => zoneOf(group) === parameters["zone"]);
    const { page, next } = paged(all, query, context.pageMax);
    return {
      kind: "compute#instanceGroupManagerList",
      id: `projects/${GCP_PROJECT}/zones/${parameters["zone"] ?? ""}/instanceGroupManagers`,
      items: page.map((group) => describeGroup(group, context.settings(group.name), context.createdAt)),
      ...next,
    };
  },
  "compute.instanceGroupManagers.listManagedInstances": (request, context) => {
    const group = groupIn(request, context);
    const settings = context.settings(group.name);
    const all = describeInstances(group, settings, context.remade(group));
    if (settings.group["listManagedInstancesResults"] !== "PAGINATED") return { managedInstances: all };
    const { page, next } = paged(all, request.query, context.pageMax);
    return { managedInstances: page, ...next };
  },
  "compute.instanceGroupManagers.createInstances": createInstances,
  "compute.instanceGroupManagers.deleteInstances": deleteInstances,
  "compute.zoneOperations.get": operation,
  "compute.zoneOperations.wait": operation,
  "compute.instanceTemplates.get": ({ parameters: { instanceTemplate = "" } }, context) => {
    const group = context.clouds.groups().find((one) => templateNameOf(one) === instanceTemplate);
    if (group === undefined) throw notFound(`global/instanceTemplates/${instanceTemplate}`);
    return describeTemplate(group, context.settings(group.name), context.createdAt);
  },
  "compute.machineTypes.get": ({ parameters: { machineType = "", zone = "" } }, { clouds }) => {
    const group = clouds
      .groups()
      .find((one) => zoneOf(one) === zone && one.shape.instanceTypes.includes(machineType));
    if (group === undefined) throw notFound(`zones/${zone}/machineTypes/${machineType}`);
    return describeMachineType(group, machineType);
  },
  "compute.autoscalers.get": ({ parameters: { autoscaler = "", zone = "" } }, context) => {
    const group = context.clouds
      .groups()
      .find((one) => zoneOf(one) === zone && autoscalerNameOf(one) === autoscaler);
    const own = group === undefined ? null : context.settings(group.name).autoscaler;
    if (group === undefined || own === null) throw notFound(`zones/${zone}/autoscalers/${autoscaler}`);
    return describeAutoscaler(group, own);
  },
  "container.projects.locations.clusters.nodePools.get": ({ parameters }, context) => {
    const name = parameters["nodePoolsId"] ?? "";
    const pools = context.clouds
      .groups()
      .map((group) => context.settings(group.name).nodePool)
      .filter((pool) => pool !== null && pool["name"] === name);
    const [pool] = pools;
    if (pool === undefined || pool === null) throw new GcpRefusal(404, "notFound", `Not found: ${name}.`);
    return pool;
  },
  "cloudresourcemanager.projects.testIamPermissions": ({ body }, { rights }) => {
    const asked = textsIn(body["permissions"]);
    return { permissions: rights === null ? asked : asked.filter((each) => rights.includes(each)) };
  },
};

export const WRITES: readonly string[] = [
  "compute.instanceGroupManagers.createInstances",
  "compute.instanceGroupManagers.deleteInstances",
];

/** @throws GcpRefusal for what the service refuses. */
export function perform(method: string, request: GcpRequest, context: GcpContext): Fields {
  const action = Object.hasOwn(ACTIONS, method) ? ACTIONS[method] : undefined;
  if (action === undefined) throw new GcpRefusal(404, "notFound", `${method} is no method of this stand-in`);
  const { project } = request.parameters;
  if (project !== undefined && project !== GCP_PROJECT)
    throw new GcpRefusal(
      403,
      "forbidden",
      `Required '${method}' permission for 'projects/${project}', or the project does not exist`,
    );
  return action(request, context);
}

const NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const PER_CALL_MAX = 1000;

function createInstances(request: GcpRequest, context: GcpContext): Fields {
  const group = groupIn(request, context);
  const configs = Array.isArray(request.body["instances"]) ? (request.body["instances"] as Fields[]) : [];
  const names = configs.map(({ name }) => (typeof name === "string" ? name : ""));
  if (names.length === 0 || names.length > PER_CALL_MAX)
    throw new GcpRefusal(
      400,
      "invalid",
      `Invalid value for field 'instances': between 1 and ${PER_CALL_MAX}`,
    );
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined)
    throw new GcpRefusal(400, "invalid", `Invalid value for field 'instances[].name': '${wrong}'`);
  return begin(request, context, group, () => {
    const taken = new Set([...group.instances.map(({ id }) => id), ...group.openNames]);
    const twice = names.find((name, index) => taken.has(name) || names.indexOf(name) !== index);
    if (twice !== undefined)
      return { code: "RESOURCE_ALREADY_EXISTS", message: `The instance '${twice}' already exists` };
    context.clouds.setDesired(group.name, group.desired + names.length, names);
    return null;
  });
}

function deleteInstances(request: GcpRequest, context: GcpContext): Fields {
  const group = groupIn(request, context);
  const urls = textsIn(request.body["instances"]);
  if (urls.length === 0 || urls.length > PER_CALL_MAX)
    throw new GcpRefusal(
      400,
      "invalid",
      `Invalid value for field 'instances': between 1 and ${PER_CALL_MAX}`,
    );
  const wrong = urls.find((url) => !new RegExp(`zones/${zoneOf(group)}/instances/[^/]+$`).test(url));
  if (wrong !== undefined)
    throw new GcpRefusal(400, "invalid", `Invalid value for field 'instances[]': '${wrong}'`);
  const names = urls.map((url) => url.split("/").at(-1) ?? "");
  return begin(request, context, group, () => {
    const isHere = (name: string): boolean =>
      group.openNames.includes(name) ||
      group.instances.some(({ id, state }) => id === name && state !== "terminating");
    const stranger = names.find((name) => !isHere(name));
    if (stranger !== undefined && request.body["skipInstancesOnValidationError"] !== true)
      return { code: "INVALID_USAGE", message: `The instance '${stranger}' is not a member of the group` };
    for (const name of names.filter(isHere)) {
      const { desired, openNames } = context.clouds.group(group.name) ?? group;
      if (openNames.includes(name)) context.clouds.setDesired(group.name, desired - 1, [name]);
      else context.clouds.terminate(name, { decrement: true });
    }
    return null;
  });
}

/** What it does happens at once; whether it went well is seen by whoever asks for the operation. */
function begin(
  { parameters }: GcpRequest,
  context: GcpContext,
  group: CloudGroup,
  effect: () => GcpOperationError | null,
): Fields {
  const name = `operation-${String(context.operations.size + 1).padStart(6, "0")}`;
  const begun: GcpOperation = {
    name,
    group: group.name,
    zone: parameters["zone"] ?? "",
    type: "compute.instanceGroupManagers",
    insertedAt: context.nowMs,
    error: context.takeFailure() ?? effect(),
  };
  context.operations.set(name, begun);
  return describeOperation(begun, "RUNNING");
}

function operation({ parameters }: GcpRequest, { operations, holdsOperations }: GcpContext): Fields {
  const { zone = "", operation: name = "" } = parameters;
  const found = operations.get(name);
  if (found === undefined || found.zone !== zone) throw notFound(`zones/${zone}/operations/${name}`);
  return describeOperation(found, holdsOperations ? "RUNNING" : "DONE");
}

function describeOperation(
  { name, group, zone, type, insertedAt, error }: GcpOperation,
  status: "RUNNING" | "DONE",
): Fields {
  const root = `https://www.googleapis.com/compute/v1/projects/${GCP_PROJECT}/zones/${zone}`;
  const failed = status === "DONE" && error !== null;
  return {
    kind: "compute#operation",
    id: String(4_000_000_000 + Number(name.split("-").at(-1))),
    name,
    zone: root,
    operationType: type,
    targetLink: `${root}/instanceGroupManagers/${group}`,
    status,
    progress: status === "DONE" ? 100 : 0,
    insertTime: new Date(insertedAt).toISOString(),
    selfLink: `${root}/operations/${name}`,
    ...(failed
      ? {
          error: { errors: [{ code: error.code, message: error.message }] },
          httpErrorStatusCode: error.httpErrorStatusCode ?? 400,
          httpErrorMessage: "BAD REQUEST",
        }
      : {}),
  };
}

function groupIn({ parameters }: GcpRequest, { clouds }: GcpContext): CloudGroup {
  const { zone = "", instanceGroupManager: name = "" } = parameters;
  const group = clouds.group(name);
  if (group === null || zoneOf(group) !== zone) throw notFound(`zones/${zone}/instanceGroupManagers/${name}`);
  return group;
}

function notFound(path: string): GcpRefusal {
  return new GcpRefusal(404, "notFound", `The resource 'projects/${GCP_PROJECT}/${path}' was not found`);
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

/** A token says where the next page begins. */
function paged<T>(
  all: readonly T[],
  query: URLSearchParams,
  pageMax: number,
): { readonly page: readonly T[]; readonly next: Fields } {
  const size = Math.min(Number(query.get("maxResults") ?? 500), pageMax);
  const token = query.get("pageToken");
  const from = token === null ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isInteger(from)) throw new GcpRefusal(400, "invalid", "Invalid value for field 'pageToken'");
  const to = from + size;
  const next = to < all.length ? { nextPageToken: Buffer.from(String(to)).toString("base64url") } : {};
  return { page: all.slice(from, to), next };
}
