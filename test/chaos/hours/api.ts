// The Kubernetes API for one replica in virtual time: the calls that the act layer makes, answered by the world through the
// very handlers that serve it over HTTP, with the run's troubles on the way. A replica that is dead hears nothing any more.

import type { ActContext } from "../../../coordinator/act/context.ts";
import type { JournalOptions } from "../../../coordinator/act/journal.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { POLICY } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { evictionBody, evictionOutcome } from "../../../shared/runtime/kube/evict.ts";
import { listPath, objectPath, queryOf } from "../../../shared/runtime/kube/resources.ts";
import { refusalError, refusalOf } from "../../../shared/runtime/kube/translate.ts";
import { answer } from "../../world/api/answer.ts";
import { MERGE_PATCH } from "../../world/api/call.ts";
import { Refusal } from "../../world/api/refusal.ts";
import { route } from "../../world/api/route.ts";
import type { VirtualClock } from "./time.ts";
import { springs } from "./troubles.ts";
import type { Troubles } from "./troubles.ts";

export type VirtualClient = ActContext["client"] & JournalOptions["client"];

export interface VirtualApiOptions {
  readonly world: World;
  readonly clock: VirtualClock;
  readonly troubles: Troubles;
  readonly alive: () => boolean;
  readonly die: () => void;
}

/** Time enough for something to happen between two of them. */
const CALL_MS = 30;

type Method = "GET" | "PUT" | "PATCH" | "POST";

export function createVirtualClient(options: VirtualApiOptions): VirtualClient {
  const { world, clock, troubles, alive, die } = options;

  async function exchange(
    method: Method,
    path: string,
    what: string,
    body: object | null,
    deadlineMs: number,
  ): Promise<unknown> {
    const [pathname = "", query = ""] = path.split("?");
    const isWrite = method !== "GET";
    const isStatus = isWrite && pathname.endsWith("/status");
    if (!alive()) await forEver();
    const tookMs = Math.max(CALL_MS, troubles.apiSlowMs);
    await clock.sleep(millis(Math.min(tookMs, deadlineMs)));
    if (!alive()) await forEver();
    if (tookMs > deadlineMs) throw new AppError("timeout", `cannot ${what}: no answer`);
    if (troubles.apiAway > 0) throw new AppError("unavailable", `cannot ${what}: no connection`);
    if (troubles.apiRefusals.count > 0) {
      troubles.apiRefusals.count -= 1;
      throw refused(what, new Refusal(troubles.apiRefusals.code, "", "the world was told to refuse"));
    }
    if (isStatus && springs(troubles, "before-status")) {
      die();
      await forEver();
    }
    if (isStatus && troubles.apiConflicts > 0) {
      troubles.apiConflicts -= 1;
      touch(world, pathname);
    }
    const text = body === null ? "" : JSON.stringify(body);
    const contentType = method === "PATCH" ? MERGE_PATCH : "application/json";
    const search = new URLSearchParams(query);
    const found = route(method, pathname, search);
    if (found.kind !== "resource") throw new AppError("bug", `cannot ${what}: there is no ${path}`);
    let reply: unknown;
    try {
      reply = answer(world, { route: found, query: search, contentType, body: text }).body;
    } catch (error) {
      throw error instanceof Refusal ? refused(what, error) : error;
    }
    const isNode = method === "PATCH" && pathname.startsWith("/api/v1/nodes/");
    if ((isStatus && springs(troubles, "after-status")) || (isNode && springs(troubles, "after-node"))) {
      die();
      await forEver();
    }
    if (isWrite && troubles.apiLost > 0) {
      troubles.apiLost -= 1;
      throw new AppError("timeout", `cannot ${what}: the answer was lost`);
    }
    return reply;
  }

  const deadlineOf = (call: { readonly deadlineMs?: number | undefined } | undefined): number =>
    call?.deadlineMs ?? 10_000;

  return {
    // The world keeps objects of the kind that was asked for.
    get: async <T extends KubeObject>(...[resource, ref, call]: Parameters<VirtualClient["get"]>) =>
      (await exchange("GET", objectPath(resource, ref), "get", null, deadlineOf(call))) as T,
    list: async <T extends KubeObject>(
      ...[resource, selector = {}, call]: Parameters<VirtualClient["list"]>
    ) => {
      const { namespace, fieldSelector, labelSelector } = selector;
      const path = listPath(resource, namespace) + queryOf({ fieldSelector, labelSelector });
      const page = (await exchange("GET", path, `list ${resource.plural}`, null, deadlineOf(call))) as {
        readonly items: readonly T[];
      };
      return { items: page.items, resourceVersion: String(world.version) };
    },
    mergePatch: async <T extends KubeObject>(
      ...[resource, ref, body, call]: Parameters<VirtualClient["mergePatch"]>
    ) => (await exchange("PATCH", objectPath(resource, ref), "patch", body, deadlineOf(call))) as T,
    replaceStatus: async <T extends KubeObject>(
      ...[resource, object, call]: Parameters<VirtualClient["replaceStatus"]>
    ) => {
      const path = objectPath(resource, object.metadata, "status");
      return (await exchange("PUT", path, "replace the status", object, deadlineOf(call))) as T;
    },
    evict: async (request, call) => {
      const path = `/api/v1/namespaces/${request.namespace}/pods/${request.name}/eviction`;
      try {
        await exchange("POST", path, `evict ${request.name}`, evictionBody(request), deadlineOf(call));
        return { kind: "accepted" };
      } catch (error) {
        if (!(error instanceof AppError) || !(error.cause instanceof Refusal)) throw error;
        const outcome = evictionOutcome(refusalBehind(error.cause));
        if (outcome === null || outcome.kind === "conflict") throw error;
        return outcome;
      }
    },
  };
}

function refused(what: string, refusal: Refusal): AppError {
  const { kind, message, data, retryAfterMs } = refusalError(what, refusalBehind(refusal));
  return new AppError(kind, message, {
    cause: refusal,
    data,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

function refusalBehind({ body }: Refusal): ReturnType<typeof refusalOf> {
  return refusalOf({ status: body.code, retryAfter: undefined, body: JSON.stringify(body) });
}

/** Another hand writes the policy, so that what is on its way rests on an older version. */
function touch(world: World, path: string): void {
  const name = new RegExp(`/${POLICY.plural}/([^/]+)/status$`).exec(path)?.[1];
  const policy = name === undefined ? null : world.get("autoscalingpolicies", { name });
  if (policy === null) return;
  const annotations = { ...policy.metadata.annotations, touched: String(world.version) };
  world.put("autoscalingpolicies", { ...policy, metadata: { ...policy.metadata, annotations } });
}

/** What a process that was killed waits for. */
export async function forEver(): Promise<never> {
  return await new Promise(() => {});
}
