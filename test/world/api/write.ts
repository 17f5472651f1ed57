// Writing: create, replace, patch, delete. Every write builds the object that would result, checks preconditions
// and validity, and only then touches the world.

import { nameSuffix, randomStream } from "../../../coordinator/replay/world-core.ts";
import type { Objects, ResourceInfo, ResourceName } from "../../../coordinator/replay/world-resources.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { seconds } from "../../../shared/model/units.ts";
import { bodyObject, deleteWish } from "./call.ts";
import type { ApiCall, Reply } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { existing } from "./read.ts";
import {
  Refusal,
  alreadyExists,
  badRequest,
  conflict,
  invalid,
  methodNotAllowed,
  outdated,
  statusBody,
} from "./refusal.ts";
import type { ResourceRoute } from "./route.ts";
import { validate } from "./validate.ts";

export function create(world: World, call: ApiCall): Reply {
  const { route } = call;
  if (route.name !== null) throw methodNotAllowed();
  const given = bodyObject(call);
  const metadata = { ...given.metadata, name: given.metadata.name || generatedName(world, given.metadata) };
  if (route.info.namespaced)
    Object.assign(metadata, { namespace: namespaceFor(world, call, metadata.namespace) });
  if (metadata.name === "")
    throw invalid(route.info.kind, "", [
      {
        reason: "FieldValueRequired",
        field: "metadata.name",
        message: "Required value: name or generateName is required",
      },
    ]);
  if (world.get(route.resource, metadata) !== null) throw alreadyExists(route.info, metadata.name);
  const object = {
    ...asCreated(route.resource, given, route.info),
    metadata: withoutSystemFields(metadata),
  };
  validate(route.resource, object, null);
  return { code: 201, body: commit(world, call, object) };
}

function generatedName(world: World, metadata: object): string {
  const prefix =
    "generateName" in metadata && typeof metadata.generateName === "string" ? metadata.generateName : "";
  return prefix === "" ? "" : `${prefix}${nameSuffix(randomStream(world.version, prefix))}`;
}

function namespaceFor(world: World, { route }: ApiCall, given: string | undefined): string {
  const namespace = route.namespace ?? "";
  if (namespace === "") throw badRequest("an empty namespace may not be set during creation");
  if (given !== undefined && given !== namespace)
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request: "${given}" and "${namespace}"`,
    );
  requireNamespace(world, namespace);
  return namespace;
}

/** @throws Refusal with 404 when it does not exist, 403 when it is going away. */
export function requireNamespace(world: World, name: string): void {
  const found = world.get("namespaces", { name });
  if (found === null) throw new Refusal(404, "NotFound", `namespaces "${name}" not found`);
  if (isJsonObject(found.status) && found.status["phase"] === "Terminating") {
    const message = `unable to create new content in namespace ${name} because it is being terminated`;
    throw new Refusal(403, "Forbidden", message, {
      causes: [{ reason: "NamespaceTerminating", message, field: "metadata.namespace" }],
    });
  }
}

/** Status belongs to controllers: what a client sends on creation is dropped, except for nodes. */
function asCreated(resource: ResourceName, given: KubeObject, { hasStatus }: ResourceInfo): KubeObject {
  if (!hasStatus || resource === "nodes") return given;
  const { status: _, ...rest } = given as KubeObject & { readonly status?: unknown };
  if (resource !== "pods") return rest;
  const spec = {
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    priority: 0,
    ...fieldsOf(rest, "spec"),
  };
  return { ...rest, spec, status: { phase: "Pending" } } as KubeObject;
}

function fieldsOf(object: object, field: string): object {
  const value = (object as Readonly<Record<string, unknown>>)[field];
  return isJsonObject(value) ? value : {};
}

function withoutSystemFields(metadata: KubeObject["metadata"]): KubeObject["metadata"] {
  const system = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
    "managedFields",
    "selfLink",
  ];
  return Object.fromEntries(
    Object.entries(metadata).filter(([key]) => !system.includes(key)),
  ) as unknown as KubeObject["metadata"];
}

export function write(world: World, call: ApiCall, given: KubeObject, part: "main" | "status"): Reply {
  const { route } = call;
  const current = existing(world, route);
  const { name } = current.metadata;
  if (given.metadata.name !== name)
    throw badRequest(
      `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`,
    );
  if (given.metadata.namespace !== undefined && given.metadata.namespace !== current.metadata.namespace)
    throw badRequest("the namespace of the object does not match the namespace on the URL");
  if (given.metadata.uid !== undefined && given.metadata.uid !== current.metadata.uid) {
    throw conflict(
      route.info,
      name,
      `Precondition failed: UID in precondition: ${given.metadata.uid}, UID in object meta: ${current.metadata.uid}`,
    );
  }
  const version = given.metadata.resourceVersion;
  if (version === undefined && needsVersion(route) && route.verb === "update") {
    throw invalid(route.info.kind, name, [
      {
        reason: "FieldValueInvalid",
        field: "metadata.resourceVersion",
        message: "Invalid value: 0x0: must be specified for an update",
      },
    ]);
  }
  if (version !== undefined && version !== current.metadata.resourceVersion) throw outdated(route.info, name);
  const next =
    part === "main"
      ? withMain(current, given, route)
      : { ...current, status: timed(route.resource, (given as { status?: unknown }).status) };
  validate(route.resource, next, current);
  return { code: 200, body: commit(world, call, next) };
}

/** A time that a condition does not say has no value in the server's own types, and is shown as null. */
function timed(resource: ResourceName, status: unknown): unknown {
  const times = TIMES_OF_CONDITIONS[resource];
  if (times === undefined || !isJsonObject(status) || !Array.isArray(status["conditions"])) return status;
  const conditions = status["conditions"].map((one: unknown) =>
    isJsonObject(one) ? { ...times, ...one } : one,
  );
  return { ...status, conditions };
}

const TIMES_OF_CONDITIONS: Readonly<Partial<Record<ResourceName, object>>> = {
  nodes: { lastHeartbeatTime: null, lastTransitionTime: null },
  pods: { lastProbeTime: null, lastTransitionTime: null },
};

/** Kinds that a client may not replace blindly. */
function needsVersion({ resource, info }: ResourceRoute): boolean {
  return info.custom || resource === "leases" || resource === "poddisruptionbudgets";
}

/** Everything but what the server owns, and but the status where that has its own path. */
function withMain(current: KubeObject, given: KubeObject, { info }: ResourceRoute): KubeObject {
  const {
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
  } = current.metadata;
  const system = {
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
  };
  const owned = Object.fromEntries(Object.entries(system).filter(([, value]) => value !== undefined));
  const { namespace } = current.metadata;
  const metadata = {
    ...withoutSystemFields(given.metadata),
    ...owned,
    ...(namespace === undefined ? {} : { namespace }),
  };
  const { status } = current as { readonly status?: unknown };
  const { status: _, ...rest } = given as KubeObject & { readonly status?: unknown };
  if (!info.hasStatus) return { ...given, metadata };
  return { ...rest, metadata, ...(status === undefined ? {} : { status }) };
}

/** Writes unless the call is a dry run, and gives what the reply shows. */
function commit(world: World, { route, query }: ApiCall, object: KubeObject): KubeObject {
  if (query.get("dryRun") === "All") return object;
  return world.put(route.resource, object as Objects[ResourceName]);
}

export function remove(world: World, call: ApiCall): Reply {
  const { route } = call;
  const current = existing(world, route);
  const wish = deleteWish(call);
  const { name, uid = "", resourceVersion } = current.metadata;
  if (wish.uid !== undefined && wish.uid !== uid)
    throw conflict(
      route.info,
      name,
      `Precondition failed: UID in precondition: ${wish.uid}, UID in object meta: ${uid}`,
    );
  if (wish.version !== undefined && wish.version !== resourceVersion) {
    throw conflict(
      route.info,
      name,
      `Precondition failed: ResourceVersion in precondition: ${wish.version}, ResourceVersion in object meta: ${resourceVersion}`,
    );
  }
  if (wish.dryRun) return { code: 200, body: current };
  if (route.resource === "pods")
    world.deletePod(current.metadata, wish.grace === null ? null : seconds(wish.grace));
  else world.remove(route.resource, current.metadata);
  const left = world.get(route.resource, current.metadata);
  if (left !== null || route.resource === "pods") return { code: 200, body: left ?? current };
  return { code: 200, body: { ...statusBody(200, "", ""), details: { name, kind: route.info.plural, uid } } };
}
