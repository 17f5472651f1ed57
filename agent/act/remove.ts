// Deletes a pod past its budgets, because its machine goes: with its UID, so that a successor under the same name is not
// hit, and after a condition on it that says who ended it, which a plain DELETE would not. When that is to be done is for
// walk.ts; it is never done on a machine that stays.

import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { DISRUPTION, FIELD_MANAGER } from "../../shared/model/names.ts";
import type { Millis, Seconds } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";

export interface RemoveHow {
  readonly graceSeconds: Seconds;
  /** So long the condition may hold the DELETE up; null: it is not tried. */
  readonly conditionWithinMs: Millis | null;
}

/** `replaced`: another pod has the name now. */
export type Removal = "accepted" | "gone" | "replaced";

/** @throws AppError when the API server does not take the DELETE. */
export type Remover = (
  pod: Pick<PlannedPod, "key" | "namespace" | "name" | "uid">,
  how: RemoveHow,
  limits: { readonly signal: AbortSignal; readonly deadlineMs: Millis },
) => Promise<Removal>;

export interface RemoverOptions {
  readonly client: Pick<KubeClient, "delete" | "apply">;
  readonly clock: Clock;
  readonly log: Log;
}

/** An API server that is slow, or says no, will be so for the next pod too; each try costs that pod its time. */
const NOT_AGAIN_FOR_MS = { slow: 5_000, denied: 60_000 } as const;

export function createRemover({ client, clock, log }: RemoverOptions): Remover {
  const quiet = createQuietLog(log, clock);
  let conditionFrom = Number.NEGATIVE_INFINITY;

  const setCondition: (...args: Parameters<Remover>) => Promise<void> = async (
    { key, namespace, name, uid },
    { conditionWithinMs },
    { signal },
  ) => {
    if (conditionWithinMs === null || clock.monotonic() < conditionFrom) return;
    try {
      // Server-side apply: conditions are merged by their type, and a patch of the list would lose those of others.
      await client.apply<Pod>(
        RESOURCE.pods,
        { namespace, name },
        { metadata: { uid }, status: { conditions: [conditionAt(clock)] } },
        { fieldManager: FIELD_MANAGER.agent, subresource: "status", force: true },
        { signal, deadlineMs: conditionWithinMs },
      );
    } catch (error) {
      signal.throwIfAborted();
      const kind = kindOf(error);
      if (kind === "not-found" || kind === "conflict") return;
      conditionFrom = clock.monotonic() + NOT_AGAIN_FOR_MS[kind === "denied" ? "denied" : "slow"];
      quiet.log("condition", "info", { error, pod: key }, "deleted without the condition that says why");
    }
  };

  return async (pod, how, limits) => {
    await setCondition(pod, how, limits);
    const { namespace, name, uid } = pod;
    try {
      await client.delete(
        RESOURCE.pods,
        { namespace, name },
        { graceSeconds: how.graceSeconds, uid },
        { ...limits },
      );
      return "accepted";
    } catch (error) {
      const kind = kindOf(error);
      if (kind === "not-found") return "gone";
      // Only the UID was demanded, so it is the UID that differs.
      if (kind === "conflict") return "replaced";
      throw error;
    }
  };
}

function conditionAt(clock: Pick<Clock, "now">) {
  return {
    type: DISRUPTION.condition,
    status: "True",
    reason: DISRUPTION.reason,
    message: "The machine goes before the pod's budgets let it leave.",
    lastTransitionTime: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
  };
}
