// One call of the API as the handlers see it, and its body in the forms that the API accepts: an object, a
// patch of an object, options of a deletion. What cannot be read is refused here, so handlers work with values.

import { apiVersionOf } from "../../../coordinator/replay/world-resources.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { isJsonObject, jsonPatch, mergePatch } from "./patch.ts";
import { Refusal, badRequest } from "./refusal.ts";
import type { ResourceRoute } from "./route.ts";

export interface ApiCall {
  readonly route: ResourceRoute;
  readonly query: URLSearchParams;
  readonly contentType: string;
  /** The request's body as text; empty when there is none. */
  readonly body: string;
}

export interface Reply {
  readonly code: number;
  readonly body: unknown;
}

export const MERGE_PATCH = "application/merge-patch+json";
export const JSON_PATCH = "application/json-patch+json";
export const APPLY_PATCH = "application/apply-patch+yaml";

/** Grace and preconditions of a deletion or an eviction. */
export interface DeleteWish {
  /** In whole seconds; null leaves it to the pod. */
  readonly grace: number | null;
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly dryRun: boolean;
}

/** @throws Refusal with 415 for another content type, 400 for text that is no JSON. */
export function parseBody(call: ApiCall): unknown {
  if (call.contentType !== "application/json" && call.contentType !== "")
    throw unsupported(call.contentType, ["application/json"]);
  return parsed(call.body, (why) => badRequest(`the request body is not valid JSON: ${why}`));
}

export function bodyObject(call: ApiCall): KubeObject {
  return kubeObject(parseBody(call), call.route);
}

/** An apply patch; only JSON is read, which is YAML too. It names its kind, as a real server demands. */
export function applied(call: ApiCall): KubeObject {
  const value = parsed(call.body, (why) => badRequest(`error decoding YAML: ${why}`));
  if (!isJsonObject(value) || typeof value["kind"] !== "string" || typeof value["apiVersion"] !== "string")
    throw badRequest("invalid object type: apiVersion and kind must be set in an apply patch");
  return kubeObject(value, call.route);
}

export function patched(call: ApiCall, current: object): KubeObject {
  if (call.contentType !== MERGE_PATCH && call.contentType !== JSON_PATCH)
    throw unsupported(call.contentType, [JSON_PATCH, MERGE_PATCH]);
  const patch = parsed(call.body, (why) => badRequest(`the patch is not valid JSON: ${why}`));
  if (call.contentType === MERGE_PATCH && !isJsonObject(patch))
    throw badRequest("a merge patch must be an object");
  const result = call.contentType === MERGE_PATCH ? mergePatch(current, patch) : jsonPatch(current, patch);
  return call.route.subresource === "scale" ? (result as KubeObject) : kubeObject(result, call.route);
}

/** Enough of an object to work with; the rest is for validation. */
function kubeObject(value: unknown, { info }: ResourceRoute): KubeObject {
  if (!isJsonObject(value)) throw badRequest("the object provided is unrecognized (must be a JSON object)");
  const wrongKind =
    (value["kind"] ?? info.kind) !== info.kind ||
    (value["apiVersion"] ?? apiVersionOf(info)) !== apiVersionOf(info);
  if (wrongKind)
    throw badRequest(
      `${JSON.stringify(value["apiVersion"])}, ${JSON.stringify(value["kind"])} does not match the expected ${apiVersionOf(info)}, ${info.kind}`,
    );
  const metadata = isJsonObject(value["metadata"]) ? value["metadata"] : {};
  for (const field of ["name", "namespace", "uid", "resourceVersion"]) {
    const given = metadata[field];
    if (given !== undefined && typeof given !== "string")
      throw badRequest(
        `cannot unmarshal ${typeof given} into Go struct field metadata.${field} of type string`,
      );
  }
  return { ...value, metadata: { name: "", ...metadata } };
}

export function parsed(text: string, refuse: (why: string) => Refusal): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

function unsupported(contentType: string, accepted: readonly string[]): Refusal {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}; got "${contentType}"`;
  return new Refusal(415, "UnsupportedMediaType", message);
}

/** The options of a DELETE, from its body and its query. */
export function deleteWish(call: ApiCall): DeleteWish {
  const options: unknown = call.body === "" ? {} : parseBody(call);
  if (!isJsonObject(options)) throw badRequest("DeleteOptions must be an object");
  return wishOf(options, call.query);
}

/** A negative grace counts as 1, as on a real server. */
export function wishOf(options: Readonly<Record<string, unknown>>, query: URLSearchParams): DeleteWish {
  const inQuery = query.get("gracePeriodSeconds");
  const asked = options["gracePeriodSeconds"] ?? (inQuery === null ? null : Number(inQuery));
  if (asked !== null && !(typeof asked === "number" && Number.isInteger(asked))) {
    throw badRequest(`gracePeriodSeconds must be a whole number, got ${JSON.stringify(asked)}`);
  }
  const conditions = isJsonObject(options["preconditions"]) ? options["preconditions"] : {};
  const dryRun = options["dryRun"];
  return {
    grace: asked !== null && asked < 0 ? 1 : asked,
    uid: textOf(conditions["uid"]),
    version: textOf(conditions["resourceVersion"]),
    dryRun: query.get("dryRun") === "All" || (Array.isArray(dryRun) && dryRun.includes("All")),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
