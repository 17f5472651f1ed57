// Reading: one object, or a list of them page by page.

import { apiVersionOf } from "../../../coordinator/replay/world-resources.ts";
import type { ResourceName } from "../../../coordinator/replay/world-resources.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { parsed } from "./call.ts";
import type { ApiCall } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { badRequest, expired, notFound } from "./refusal.ts";
import type { ResourceRoute } from "./route.ts";
import { selectorOf } from "./select.ts";

/** The addressed object. @throws Refusal with 404. */
export function existing(world: World, route: ResourceRoute): KubeObject {
  const name = route.name ?? "";
  const found = world.get(route.resource, { namespace: route.namespace ?? undefined, name });
  if (found === null) throw notFound(route.info, name);
  return found;
}

/** A page after the first shows what was there at the version of the first; a watch from there sees what changed since. */
export function list(world: World, { route, query }: ApiCall): object {
  const matches = selectorOf(route.resource, query);
  const from = continuation(world, query.get("continue"));
  const all = objectsAt(world, route.resource, from?.version ?? world.version)
    .filter(
      (object) =>
        (route.namespace === null || object.metadata.namespace === route.namespace) && matches(object),
    )
    .toSorted((one, other) => (sortKey(one) < sortKey(other) ? -1 : 1));
  const remaining = from === null ? all : all.filter((object) => sortKey(object) > from.after);
  const limit = pageSize(query.get("limit"));
  const items = remaining.slice(0, limit);
  const last = items.at(-1);
  const version = from?.version ?? world.version;
  const more =
    last === undefined || items.length === remaining.length
      ? {}
      : {
          continue: Buffer.from(JSON.stringify({ version, after: sortKey(last) })).toString("base64url"),
          remainingItemCount: remaining.length - items.length,
        };
  return {
    kind: `${route.info.kind}List`,
    apiVersion: apiVersionOf(route.info),
    metadata: { resourceVersion: String(version), ...more },
    items: route.info.custom ? items : items.map(withoutKind),
  };
}

/** Every change since then taken back, the newest first. */
function objectsAt(world: World, resource: ResourceName, version: number): readonly KubeObject[] {
  const objects = new Map<string, KubeObject>(world.list(resource).map((one) => [sortKey(one), one]));
  for (const change of (world.changesSince(version) ?? []).toReversed()) {
    if (change.resource !== resource) continue;
    if (change.previous === null) objects.delete(sortKey(change.object));
    else objects.set(sortKey(change.object), change.previous);
  }
  return [...objects.values()];
}

function sortKey({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** In lists of built-in kinds the items carry no `kind`, as on a real server. */
function withoutKind(object: KubeObject): object {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

function pageSize(limit: string | null): number {
  const size = Number(limit ?? 0);
  if (!Number.isInteger(size) || size < 0)
    throw badRequest(`limit must be a whole number of at least 0, got "${limit}"`);
  return size === 0 ? Number.MAX_SAFE_INTEGER : size;
}

function continuation(world: World, token: string | null): { version: number; after: string } | null {
  if (token === null || token === "") return null;
  const value = parsed(Buffer.from(token, "base64url").toString(), () =>
    badRequest("continue key is not valid"),
  );
  if (!isJsonObject(value) || typeof value["version"] !== "number" || typeof value["after"] !== "string")
    throw badRequest("continue key is not valid");
  if (world.changesSince(value["version"]) === null)
    throw expired("The provided continue parameter is too old to display a consistent list result");
  return { version: value["version"], after: value["after"] };
}
