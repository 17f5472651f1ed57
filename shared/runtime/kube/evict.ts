// One eviction, answered by a closed set of outcomes. An eviction that a budget blocks, or whose pod is gone,
// is ordinary in a drain and therefore a value; only what a drain cannot plan for is thrown.

import type { Eviction } from "../../model/kube.ts";
import type { Millis, Seconds } from "../../model/units.ts";
import { kindOfRefusal } from "./translate.ts";
import type { Refusal } from "./translate.ts";

export interface EvictionRequest {
  readonly namespace: string;
  readonly name: string;
  /** The pod that is meant; a successor under the same name (StatefulSet) must not be hit. */
  readonly uid: string;
  /** Without it, the pod's own grace. */
  readonly graceSeconds?: Seconds | undefined;
  /** Asks whether the eviction would be accepted, without evicting. */
  readonly dryRun?: boolean;
}

export type EvictionOutcome =
  /** The pod is terminating (or, in a dry run, would be). */
  | { readonly kind: "accepted" }
  | { readonly kind: "gone" }
  /** Another pod has the name now; the one that was meant is gone. */
  | { readonly kind: "replaced" }
  /** A PodDisruptionBudget allows no disruption now. */
  | { readonly kind: "budget-blocked"; readonly retryAfterMs: Millis | null; readonly message: string }
  /** Several budgets select the pod: the eviction API refuses such pods for ever. */
  | { readonly kind: "several-budgets"; readonly message: string }
  /** The pod's namespace is being deleted, and the pod with it. */
  | { readonly kind: "namespace-terminating" }
  /** The API server has too much to do. */
  | { readonly kind: "throttled"; readonly retryAfterMs: Millis | null };

export function evictionBody(request: EvictionRequest): Eviction {
  const { namespace, name, uid, graceSeconds, dryRun } = request;
  // Zero removes the object while its containers may still run, so it is never sent.
  const grace =
    graceSeconds === undefined ? {} : { gracePeriodSeconds: Math.max(1, Math.floor(graceSeconds)) };
  return {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace },
    deleteOptions: { ...grace, preconditions: { uid }, ...(dryRun === true ? { dryRun: ["All"] } : {}) },
  };
}

/**
 * What a refused eviction means. `conflict` is left to the caller, who can look whether the UID differs;
 * null: none of our business, an error.
 */
export function evictionOutcome(refusal: Refusal): EvictionOutcome | { readonly kind: "conflict" } | null {
  const { message, retryAfterMs } = refusal;
  const kind = kindOfRefusal(refusal);
  if (kind === "not-found") return { kind: "gone" };
  if (kind === "conflict") return { kind: "conflict" };
  if (kind === "budget-blocked") return { kind: "budget-blocked", retryAfterMs, message };
  if (kind === "throttled") return { kind: "throttled", retryAfterMs };
  // The API server gives this case no reason and no cause, only status 500 and its sentence.
  if (message.includes("more than one PodDisruptionBudget")) return { kind: "several-budgets", message };
  if (kind === "denied" && refusal.causes.includes("NamespaceTerminating"))
    return { kind: "namespace-terminating" };
  return null;
}
