// A request's path and method as what they ask for: which resource, which object, which verb. It knows the
// shape of Kubernetes paths and nothing about objects.

import { RESOURCES } from "../../../coordinator/replay/world-resources.ts";
import type { ResourceInfo, ResourceName } from "../../../coordinator/replay/world-resources.ts";
import { identityRoute } from "./identity.ts";
import type { IdentityRoute } from "./identity.ts";
import { proxyRoute } from "./proxy.ts";
import type { ProxyRoute } from "./proxy.ts";

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection"
  | "other";

export interface ResourceRoute {
  readonly kind: "resource";
  readonly resource: ResourceName;
  readonly info: ResourceInfo;
  /** Null for cluster-scoped objects and for lists over all namespaces. */
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly verb: Verb;
}

export type Route =
  | ResourceRoute
  /** Discovery, version and health. */
  | { readonly kind: "document"; readonly path: string }
  | ProxyRoute
  | IdentityRoute
  | { readonly kind: "unknown" };

const HEALTH = new Set(["/healthz", "/livez", "/readyz"]);

export function isPublic(path: string): boolean {
  return HEALTH.has(path) || path === "/version";
}

export function route(method: string, path: string, query: URLSearchParams): Route {
  const parts = pathParts(path);
  if (parts === null) return { kind: "unknown" };
  const proxied = proxyRoute(path);
  if (proxied !== null) return proxied;
  const identity = identityRoute(method, path);
  if (identity !== null) return identity;
  const [root, ...rest] = parts;
  if (isPublic(path) || parts.length === 1 || isDiscovery(parts)) return { kind: "document", path };
  if (root === "api") return inGroup(method, query, "", rest[0] ?? "", rest.slice(1));
  if (root === "apis") return inGroup(method, query, rest[0] ?? "", rest[1] ?? "", rest.slice(2));
  return { kind: "unknown" };
}

/** Null for a path whose escapes cannot be read. */
function pathParts(path: string): readonly string[] | null {
  try {
    return path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
  } catch {
    return null;
  }
}

/** `/api/v1`, `/apis/GROUP` and `/apis/GROUP/VERSION`. */
function isDiscovery(parts: readonly string[]): boolean {
  return (parts[0] === "api" && parts.length === 2) || (parts[0] === "apis" && parts.length <= 3);
}

function inGroup(
  method: string,
  query: URLSearchParams,
  group: string,
  version: string,
  path: readonly string[],
): Route {
  const inNamespace = path[0] === "namespaces" && path.length > 2 && path[2] !== "status";
  const namespace = inNamespace ? (path[1] ?? null) : null;
  const [plural, name = null, subresource = null, ...more] = inNamespace ? path.slice(2) : path;
  const found = Object.entries(RESOURCES).find(
    ([, info]) => info.group === group && info.version === version && info.plural === plural,
  );
  if (found === undefined || more.length > 0) return { kind: "unknown" };
  // The keys of the table are exactly the resource names.
  const resource = found[0] as ResourceName;
  const info: ResourceInfo = found[1];
  // A single object of a namespaced kind has no address without its namespace.
  if (info.namespaced ? name !== null && namespace === null : namespace !== null) return { kind: "unknown" };
  return {
    kind: "resource",
    resource,
    info,
    namespace,
    name,
    subresource,
    verb: verbOf(method, name, query),
  };
}

function verbOf(method: string, name: string | null, query: URLSearchParams): Verb {
  switch (method) {
    case "GET":
      if (isTrue(query.get("watch"))) return "watch";
      return name === null ? "list" : "get";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return name === null ? "deletecollection" : "delete";
    default:
      return "other";
  }
}

export function isTrue(value: string | null): boolean {
  return value === "1" || value === "true";
}
