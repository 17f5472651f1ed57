// What Azure Resource Manager and its token endpoint make of a request before anything happens: whose call it is, what it
// names, who sends it, and the refusals in Azure's own form. It reads bodies strictly: a field that the service would
// overlook is refused here, since nobody of ours has a reason to send one.

import type { IncomingHttpHeaders } from "node:http";

import type { Incoming } from "./face.ts";

export type Json = Readonly<Record<string, unknown>>;

export class AzureRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(code: string, message: string, status = statusOf(code)) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const STATUS: Readonly<Record<string, number>> = {
  AuthorizationFailed: 403,
  InvalidAuthenticationToken: 401,
  ExpiredAuthenticationToken: 401,
  AuthenticationFailed: 401,
  invalid_client: 401,
  ResourceNotFound: 404,
  ResourceGroupNotFound: 404,
  SubscriptionNotFound: 404,
  NotFound: 404,
  PreconditionFailed: 412,
  Conflict: 409,
  OperationNotAllowed: 409,
  OperationPreempted: 409,
  AllocationFailed: 409,
  OverconstrainedAllocationRequest: 409,
  SkuNotAvailable: 409,
  QuotaExceeded: 409,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  GatewayTimeout: 504,
};

export function statusOf(code: string): number {
  return Object.hasOwn(STATUS, code) ? (STATUS[code] ?? 400) : 400;
}

export function errorBody(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}

/** By which of its calls a client knows it, and whether it may change something. */
interface Route {
  readonly action: string;
  readonly method: string;
  readonly path: RegExp;
  readonly write?: boolean;
}

const GROUP = String.raw`/subscriptions/(?<subscription>[^/]+)/resourceGroups/(?<resourceGroup>[^/]+)/providers`;
const SET = `${GROUP}/Microsoft\\.Compute/virtualMachineScaleSets/(?<name>[^/]+)`;
const CLUSTER = `${GROUP}/Microsoft\\.ContainerService/managedClusters/(?<cluster>[^/]+)`;
const POOL = `${CLUSTER}/agentPools/(?<name>[^/]+)`;

function route(action: string, method: string, path: string, write = false): Route {
  return { action, method, path: new RegExp(`^${path}$`, "i"), write };
}

const ROUTES: readonly Route[] = [
  route("GetToken", "POST", String.raw`/(?<tenant>[^/]+)/oauth2/v2\.0/token`),
  route("GetToken", "GET", "/metadata/identity/oauth2/token"),
  route("ListScaleSets", "GET", `${GROUP}/Microsoft\\.Compute/virtualMachineScaleSets`),
  route("GetScaleSet", "GET", SET),
  route("SetCapacity", "PATCH", SET, true),
  route("ListMachines", "GET", `${SET}/virtualMachines`),
  route("DeleteInstances", "POST", `${SET}/delete`, true),
  route(
    "GetComputeOperation",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)/providers/Microsoft\.Compute/locations/[^/]+/operations/(?<operation>[^/]+)`,
  ),
  route(
    "GetComputeResult",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)/providers/Microsoft\.Compute/locations/[^/]+/operationResults/(?<operation>[^/]+)`,
  ),
  route("GetCluster", "GET", CLUSTER),
  route("ListAgentPools", "GET", `${CLUSTER}/agentPools`),
  route("GetAgentPool", "GET", POOL),
  route("PutAgentPool", "PUT", POOL, true),
  route("DeleteMachines", "POST", `${POOL}/deleteMachines`, true),
  route(
    "GetAgentPoolOperation",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)/providers/Microsoft\.ContainerService/locations/[^/]+/operations/(?<operation>[^/]+)`,
  ),
  route(
    "GetAgentPoolResult",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)/providers/Microsoft\.ContainerService/locations/[^/]+/operationResults/(?<operation>[^/]+)`,
  ),
  route(
    "ListAutoscaleSettings",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)/providers/Microsoft\.Insights/autoscaleSettings`,
  ),
  route(
    "ListPermissions",
    "GET",
    String.raw`/subscriptions/(?<subscription>[^/]+)(?:/resourceGroups/.+)?/providers/Microsoft\.Authorization/permissions`,
  ),
];

export interface AzureRequest {
  readonly action: string;
  readonly write: boolean;
  /** Parts of the path, in lower case. */
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly cluster: string;
  readonly name: string;
  readonly operation: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Null for what Azure has no call for. */
export function parseRequest({ method, url, headers, body }: Incoming): AzureRequest | null {
  for (const { action, method: wanted, path, write = false } of ROUTES) {
    const found = method === wanted ? path.exec(decodeURIComponent(url.pathname)) : null;
    if (found === null) continue;
    const part = (name: string): string => (found.groups?.[name] ?? "").toLowerCase();
    return {
      action,
      write,
      subscription: part("subscription"),
      resourceGroup: part("resourceGroup"),
      cluster: part("cluster"),
      name: part("name"),
      operation: found.groups?.["operation"] ?? "",
      query: url.searchParams,
      headers,
      body,
    };
  }
  return null;
}

/** @throws AzureRefusal for a version that no service of Azure has had. */
export function requireVersion({ query }: AzureRequest): void {
  const version = query.get("api-version") ?? "";
  if (!/^20\d\d-\d\d-\d\d(?:-preview)?$/.test(version))
    throw new AzureRefusal(
      "MissingApiVersionParameter",
      "The api-version query parameter (?api-version=) is required for all requests.",
    );
}

/** @throws AzureRefusal for a body that is no object, or has a field that the call does not take. */
export function jsonOf({ body }: AzureRequest, fields: readonly string[]): Json {
  const json = parse(body);
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new AzureRefusal(
      "InvalidRequestContent",
      "The request content was invalid and could not be deserialized.",
    );
  return onlyFields(json as Json, fields);
}

export function onlyFields(json: unknown, fields: readonly string[]): Json {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new AzureRefusal(
      "InvalidRequestContent",
      "The request content was invalid: an object was expected.",
    );
  const stranger = Object.keys(json).find((name) => !fields.includes(name));
  if (stranger !== undefined)
    throw new AzureRefusal(
      "InvalidRequestContent",
      `Could not find member '${stranger}' on object of the request.`,
    );
  return json as Json;
}

export function wholeNumber(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
    throw new AzureRefusal("InvalidParameter", `The value of parameter ${field} is invalid.`);
  return value;
}

export function textList(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.some((each) => typeof each !== "string"))
    throw new AzureRefusal("InvalidParameter", `The value of parameter ${field} is invalid.`);
  return value as readonly string[];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
