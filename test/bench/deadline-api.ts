// An API server before the simulated world in virtual time: each call takes its time, and the server may be slow or fail
// every second call. It has the calls that a drain makes, and no others.

import type { EvictionVerdict } from "../../coordinator/replay/world-budgets.ts";
import { withCondition } from "../../coordinator/replay/world-pods.ts";
import type { World } from "../../coordinator/replay/world.ts";
import type { KubeObject, Node, Pod } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../shared/runtime/kube/client.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import type { ObjectRef } from "../../shared/runtime/kube/resources.ts";
import { mergePatch } from "../world/api/patch.ts";

/** `failing`: every second call of all is answered with 503. */
export const ANSWERS = ["healthy", "slow", "failing"] as const;
export type Answers = (typeof ANSWERS)[number];

const ANSWER_MS: Readonly<Record<Answers, number>> = { healthy: 20, slow: 1_000, failing: 20 };

export type NodeClient = Pick<KubeClient, "get" | "mergePatch" | "apply" | "evict" | "delete">;

export interface ApiOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly answers: Answers;
  /** Whether the first call or the second is the first to fail. */
  readonly firstFails: boolean;
  /** Brings the world to the present. */
  readonly before: () => void;
  /** The world may have changed. */
  readonly after: () => void;
  /** An eviction or a deletion of the pod of this name is sent. */
  readonly onSend: (pod: string) => void;
}

export function createApi(options: ApiOptions): NodeClient {
  const { world, clock, answers, onSend } = options;
  let calls = 0;

  /** It acts when its time is over, also on behalf of a caller that does not wait any more. */
  const serve = async <T>(act: () => T): Promise<T> => {
    const fails = answers === "failing" && calls++ % 2 === (options.firstFails ? 0 : 1);
    await clock.sleep(millis(ANSWER_MS[answers]));
    if (fails) throw new AppError("unavailable", "503: the API server fails every second call");
    options.before();
    const result = act();
    options.after();
    return result;
  };

  const call = async <T>(act: () => T, { deadlineMs, signal }: CallOptions = {}): Promise<T> => {
    signal?.throwIfAborted();
    const served = serve(act);
    if (deadlineMs !== undefined && deadlineMs < ANSWER_MS[answers]) {
      served.catch(() => {});
      await clock.sleep(deadlineMs, signal);
      throw new AppError("timeout", `no answer in ${deadlineMs} ms`);
    }
    const result = await served;
    signal?.throwIfAborted();
    return result;
  };

  const kindOf = ({ plural }: { readonly plural: string }): "nodes" | "pods" => {
    if (plural === "nodes" || plural === "pods") return plural;
    throw new Error(`nobody asks for ${plural} in a drain`);
  };
  const found = (plural: string, ref: ObjectRef): KubeObject => {
    const object = world.get(kindOf({ plural }), ref);
    if (object === null) throw new AppError("not-found", `404: ${plural} "${ref.name}"`);
    return object;
  };
  return {
    get: (resource, ref, options) => call(() => found(resource.plural, ref) as never, options),
    mergePatch: (resource, ref, body, options) =>
      call(() => {
        const before = found(resource.plural, ref);
        const after = mergePatch(before, body) as KubeObject;
        const { resourceVersion } = before.metadata;
        if (after.metadata.resourceVersion !== resourceVersion)
          throw new AppError("conflict", `409: "${ref.name}" is at ${resourceVersion}`);
        // A patch of what the world holds is of the same kind.
        return world.put(kindOf(resource), after as Node & Pod) as never;
      }, options),
    apply: (resource, ref, body, _how, options) =>
      call(() => {
        const before = found(resource.plural, ref) as Pod;
        const { metadata, status } = body as Pod;
        if (metadata.uid !== undefined && metadata.uid !== before.metadata.uid)
          throw new AppError("conflict", `409: uid is ${before.metadata.uid}`);
        let conditions = before.status?.conditions;
        for (const condition of status?.conditions ?? []) conditions = withCondition(conditions, condition);
        return world.put("pods", {
          ...before,
          status: { ...before.status, conditions: conditions ?? [] },
        }) as never;
      }, options),
    evict: (request, options) => {
      onSend(request.name);
      const { uid, graceSeconds = null } = request;
      return call(() => outcomeOf(world.evict(request, { uid, graceSeconds })), options);
    },
    delete: (resource, ref, how = {}, options) => {
      onSend(ref.name);
      return call(() => {
        const { uid } = found(resource.plural, ref).metadata;
        if (how.uid !== undefined && how.uid !== uid) throw new AppError("conflict", `409: uid is ${uid}`);
        world.deletePod(ref, how.graceSeconds ?? null);
      }, options);
    },
  };
}

function outcomeOf(verdict: EvictionVerdict): EvictionOutcome {
  switch (verdict.kind) {
    case "created":
      return { kind: "accepted" };
    case "too-many-requests":
      return { kind: "budget-blocked", retryAfterMs: null, message: verdict.budget };
    case "not-found":
      return { kind: "gone" };
    case "conflict":
      return { kind: "replaced" };
    case "several-budgets":
      return { kind: "several-budgets", message: verdict.budgets.join(", ") };
  }
}
