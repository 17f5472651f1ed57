// Which PodDisruptionBudgets stand in a pod's way, by their own status. The eviction API is the judge; its answers are the
// agent's to hear, and its refusals name no budget that a program could rely on.

import type { Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import { selects } from "../../../shared/model/label-selector.ts";

export function budgetsOf(pod: Pod, budgets: readonly PodDisruptionBudget[]): readonly PodDisruptionBudget[] {
  return budgets.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace && selects(spec?.selector, pod.metadata.labels),
  );
}

export interface Obstacle {
  /** namespace/name of each budget that stands in the way. */
  readonly budgets: readonly string[];
  readonly why: string;
}

/** Null: none of them keeps the pod here now. A budget whose status nobody has written yet allows nothing. */
export function obstacleFor(pod: Pod, budgets: readonly PodDisruptionBudget[]): Obstacle | null {
  const mine = budgetsOf(pod, budgets);
  const names = mine.map(nameOf).toSorted();
  if (mine.length > 1)
    return {
      budgets: names,
      why: `budgets ${names.join(" and ")} both select it, and the eviction API refuses such a pod; leave one of them`,
    };
  const [budget] = mine;
  if (budget === undefined || (budget.status?.disruptionsAllowed ?? 0) > 0) return null;
  const { currentHealthy, desiredHealthy } = budget.status ?? {};
  const counts =
    currentHealthy === undefined || desiredHealthy === undefined
      ? "its status is not known yet"
      : `it needs ${desiredHealthy} healthy pods and has ${currentHealthy}`;
  return { budgets: names, why: `budget ${nameOf(budget)} allows no disruption now: ${counts}` };
}

export interface Queue {
  readonly budget: string;
  readonly allowed: number;
  readonly pods: number;
}

/** Budgets that let some of these pods go and not all of them at once. */
export function queuesOf(pods: readonly Pod[], budgets: readonly PodDisruptionBudget[]): readonly Queue[] {
  return budgets.flatMap((budget) => {
    const allowed = budget.status?.disruptionsAllowed ?? 0;
    const mine = pods.filter((pod) => budgetsOf(pod, [budget]).length > 0).length;
    return allowed > 0 && mine > allowed ? [{ budget: nameOf(budget), allowed, pods: mine }] : [];
  });
}

function nameOf({ metadata }: PodDisruptionBudget): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
