// The eviction subresource: a request to let a pod go, answered as a real server answers, with the budget in
// the way named in the body.

import type { World } from "../../../coordinator/replay/world.ts";
import { seconds } from "../../../shared/model/units.ts";
import { parseBody, wishOf } from "./call.ts";
import type { ApiCall, Reply } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { Refusal, badRequest, methodNotAllowed, notFound } from "./refusal.ts";
import { requireNamespace } from "./write.ts";

export function evict(world: World, call: ApiCall): Reply {
  const { route, query } = call;
  if (route.verb !== "create") throw methodNotAllowed();
  const name = route.name ?? "";
  const namespace = route.namespace ?? "";
  const options = evictionOptions(parseBody(call), name);
  requireNamespace(world, namespace);
  const { grace, uid, dryRun } = wishOf(options, query);
  const verdict = world.evict(
    { namespace, name },
    {
      graceSeconds: grace === null ? null : seconds(grace),
      ...(uid === undefined ? {} : { uid }),
      dryRun,
    },
  );
  switch (verdict.kind) {
    case "created":
      return {
        code: 201,
        body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 },
      };
    case "not-found":
      throw notFound(route.info, name);
    case "conflict":
      throw new Refusal(
        409,
        "Conflict",
        `Operation cannot be fulfilled on Pod "${name}": the UID in the precondition (${uid}) does not match the UID in record (${verdict.uid}). The object might have been deleted and then recreated`,
      );
    case "several-budgets": {
      const message =
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
      // The real answer has no reason either.
      throw new Refusal(500, "", message);
    }
    case "too-many-requests": {
      const { budget, needed, healthy, retryAfterSeconds } = verdict;
      const message = `The disruption budget ${budget} needs ${needed} healthy pods and has ${healthy} currently`;
      throw new Refusal(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        {
          causes: [{ reason: "DisruptionBudget", message }],
          ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
        },
      );
    }
    default:
      throw new Refusal(500, "InternalError", `no answer for ${JSON.stringify(verdict satisfies never)}`);
  }
}

/** @throws Refusal with 400 when the body is no Eviction of this pod. */
function evictionOptions(body: unknown, name: string): Readonly<Record<string, unknown>> {
  if (!isJsonObject(body) || body["kind"] !== "Eviction" || body["apiVersion"] !== "policy/v1") {
    throw badRequest("the body must be an Eviction of policy/v1");
  }
  const metadata = isJsonObject(body["metadata"]) ? body["metadata"] : {};
  if (metadata["name"] !== name) throw badRequest("name in URL does not match name in Eviction object");
  const options = body["deleteOptions"] ?? {};
  if (!isJsonObject(options)) throw badRequest("deleteOptions must be an object");
  return options;
}
