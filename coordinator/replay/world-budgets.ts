// PodDisruptionBudgets and the Eviction API's answers. A budget's status is recomputed with every change of
// its pods, so it is never stale here; a real cluster's controller may lag, and the answer for that case comes
// from fault injection.

import type { Pod, PodDisruptionBudget } from "../../shared/model/kube.ts";
import type { Core, Part } from "./world-core.ts";
import type { Workloads } from "./world-jobs.ts";
import { isFinished, isPodReady, isTerminating, selects } from "./world-pods.ts";
import { sameJson } from "./world-store.ts";

/** What the server answers to an Eviction. */
export type EvictionVerdict =
  | { readonly kind: "created" }
  | {
      readonly kind: "too-many-requests";
      readonly budget: string;
      readonly needed: number;
      readonly healthy: number;
      readonly retryAfterSeconds: number;
    }
  | { readonly kind: "not-found" }
  /** The pod of this name has another uid. */
  | { readonly kind: "conflict"; readonly uid: string }
  | { readonly kind: "several-budgets"; readonly budgets: readonly string[] };

export interface Budgets extends Part {
  verdict(pod: Pod): EvictionVerdict;
}

/** `unhealthyPodEvictionPolicy` is ours to read, and only here. */
interface BudgetSpec extends NonNullable<PodDisruptionBudget["spec"]> {
  readonly unhealthyPodEvictionPolicy?: string;
}

export function createBudgets(core: Core, workloads: Workloads): Budgets {
  let stale = false;
  core.store.onChange((change) => {
    if (change.resource === "pods" || change.resource === "poddisruptionbudgets") stale = true;
  });

  function podsUnder(budget: PodDisruptionBudget): readonly Pod[] {
    return [...core.store.list("pods")].filter((pod) => covers(budget, pod));
  }

  /** Percentages and `maxUnavailable` count what the controllers want, not what happens to be there. */
  function expectedPods(budget: PodDisruptionBudget, pods: readonly Pod[]): number {
    const minimum = budget.spec?.minAvailable;
    if (typeof minimum === "number") return pods.length;
    const owners = new Map(
      pods
        .flatMap((pod) => pod.metadata.ownerReferences?.filter((owner) => owner.controller === true) ?? [])
        .map((owner) => [owner.uid, owner]),
    );
    let wanted = 0;
    for (const owner of owners.values()) wanted += workloads.desiredPods(owner) ?? ownedBy(pods, owner.uid);
    return (
      wanted +
      pods.filter((pod) => !pod.metadata.ownerReferences?.some((owner) => owner.controller === true)).length
    );
  }

  function statusOf(budget: PodDisruptionBudget): NonNullable<PodDisruptionBudget["status"]> {
    const pods = podsUnder(budget).filter((pod) => !isFinished(pod));
    const expected = expectedPods(budget, pods);
    const desiredHealthy = desired(budget, expected);
    const currentHealthy = pods.filter((pod) => isPodReady(pod) && !isTerminating(pod)).length;
    return {
      disruptionsAllowed: expected === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy),
      currentHealthy,
      desiredHealthy,
      expectedPods: expected,
      observedGeneration: budget.metadata.generation ?? 1,
    };
  }

  return {
    verdict: (pod) => {
      // What does not run, or ends already, breaks no budget by leaving.
      if (isFinished(pod) || pod.status?.phase === "Pending" || isTerminating(pod))
        return { kind: "created" };
      const budgets = [...core.store.list("poddisruptionbudgets")].filter((budget) => covers(budget, pod));
      if (budgets.length > 1)
        return { kind: "several-budgets", budgets: budgets.map((budget) => budget.metadata.name) };
      const budget = budgets[0];
      if (budget === undefined) return { kind: "created" };
      const status = statusOf(budget);
      const needed = status.desiredHealthy ?? 0;
      const healthy = status.currentHealthy ?? 0;
      if ((status.disruptionsAllowed ?? 0) > 0) return { kind: "created" };
      if (!isPodReady(pod) && mayLeaveUnready(budget.spec, healthy, needed)) return { kind: "created" };
      return {
        kind: "too-many-requests",
        budget: budget.metadata.name,
        needed,
        healthy,
        retryAfterSeconds: 0,
      };
    },
    pass: () => {
      if (!stale) return false;
      stale = false;
      let wrote = false;
      for (const budget of Array.from(core.store.list("poddisruptionbudgets"))) {
        const status = statusOf(budget);
        if (sameJson({ ...budget.status, ...status }, budget.status)) continue;
        core.store.write("poddisruptionbudgets", { ...budget, status: { ...budget.status, ...status } });
        wrote = true;
      }
      return wrote;
    },
  };
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  return (
    budget.metadata.namespace === pod.metadata.namespace &&
    selects(budget.spec?.selector, pod.metadata.labels)
  );
}

function mayLeaveUnready(spec: BudgetSpec | undefined, healthy: number, needed: number): boolean {
  return spec?.unhealthyPodEvictionPolicy === "AlwaysAllow" || (needed > 0 && healthy >= needed);
}

function desired(budget: PodDisruptionBudget, expected: number): number {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  if (minAvailable !== undefined) return scaled(minAvailable, expected);
  return maxUnavailable === undefined ? 0 : Math.max(0, expected - scaled(maxUnavailable, expected));
}

/** A number as it is, a percentage of `total` rounded up. */
function scaled(value: number | string, total: number): number {
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined)
    throw new RangeError(`a budget's share must be a number or a percentage such as "50%", got "${value}"`);
  return Math.ceil((Number(percent) * total) / 100);
}

function ownedBy(pods: readonly Pod[], uid: string): number {
  return pods.filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === uid)).length;
}
