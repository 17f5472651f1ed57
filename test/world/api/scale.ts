// The scale subresource: the size of an object, and nothing else of it, as `autoscaling/v1`.

import type { Objects } from "../../../coordinator/replay/world-resources.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { Scale } from "../../../shared/model/kube.ts";
import type { ApiCall } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { Refusal, badRequest, invalid, notFound, outdated } from "./refusal.ts";
import { replicaCauses } from "./validate.ts";

export function readScale(world: World, call: ApiCall): Scale {
  return scaleOf(groupOf(world, call));
}

export function replaceScale(world: World, call: ApiCall, given: unknown): Scale {
  const group = groupOf(world, call);
  const { info } = call.route;
  const { name, resourceVersion } = group.metadata;
  if (!isJsonObject(given) || !isJsonObject(given["metadata"])) throw badRequest("a Scale needs metadata");
  if (given["kind"] !== undefined && given["kind"] !== "Scale")
    throw badRequest(`expected a Scale, got ${JSON.stringify(given["kind"])}`);
  if (given["metadata"]["name"] !== name)
    throw badRequest(
      `the name of the object (${JSON.stringify(given["metadata"]["name"])}) does not match the name on the URL (${name})`,
    );
  const version = given["metadata"]["resourceVersion"];
  if (version !== undefined && version !== resourceVersion) throw outdated(info, name);
  // The field has a zero value in the server's type: leaving it out means 0.
  const replicas = isJsonObject(given["spec"]) ? (given["spec"]["replicas"] ?? 0) : 0;
  const causes = replicaCauses(replicas);
  if (causes.length > 0) throw invalid("Scale", name, causes);
  if (call.query.get("dryRun") !== "All") resize(world, call, Number(replicas));
  const written = groupOf(world, call);
  return call.query.get("dryRun") === "All"
    ? { ...scaleOf(group), spec: specOf(Number(replicas)) }
    : scaleOf(written);
}

export function patchScale(world: World, call: ApiCall, patch: (scale: Scale) => unknown): Scale {
  return replaceScale(world, call, patch(readScale(world, call)));
}

type Scalable = "machinedeployments" | "machinepools" | "nodepools";
type Group = Objects[Scalable];

function resourceOf({ route }: ApiCall): Scalable {
  const { resource } = route;
  if (resource === "machinedeployments" || resource === "machinepools" || resource === "nodepools")
    return resource;
  throw notFound(route.info, route.name ?? "");
}

function groupOf(world: World, call: ApiCall): Group {
  const { route } = call;
  const name = route.name ?? "";
  const group = world.get(resourceOf(call), { namespace: route.namespace ?? undefined, name });
  if (group === null) throw notFound(route.info, name);
  return group;
}

function resize(world: World, call: ApiCall, replicas: number): void {
  const group = groupOf(world, call);
  const resource = resourceOf(call);
  world.put(resource, { ...group, spec: { ...group.spec, replicas } });
}

/** The server's type leaves a size of zero out. */
function specOf(replicas: number): NonNullable<Scale["spec"]> {
  return replicas === 0 ? {} : { replicas };
}

/** A real server has no scale of an object whose definition names a field that the object lacks. */
function scaleOf(group: Group): Scale {
  const { replicas } = group.spec ?? {};
  if (replicas === undefined && group.kind === "NodePool")
    throw new Refusal(500, "InternalError", 'the spec replicas field ".spec.replicas" does not exist');
  const { name, namespace, uid, resourceVersion, creationTimestamp } = group.metadata;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: specOf(replicas ?? 1),
    status: statusOf(group),
  };
}

function statusOf({ status }: Group): Scale["status"] {
  if (status === undefined) return { replicas: 0 };
  // Karpenter's definition names `.status.nodes`.
  const replicas = "nodes" in status ? status.nodes : "replicas" in status ? status.replicas : undefined;
  const selector = "selector" in status ? status.selector : undefined;
  return { replicas: replicas ?? 0, ...(selector === undefined ? {} : { selector }) };
}
