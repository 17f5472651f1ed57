// A drill's plan for people: the agent's own arithmetic over the pods of the node, reduced to who leaves when, with how
// much grace, and who is left where he is. The agent makes its plan by itself; this one is for looking ahead.

import { keptDetail } from "../../../shared/model/drain-kept.ts";
import { graceAt, planDrain, startsOf } from "../../../shared/model/drain-plan.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import type { EvictionClass } from "../../../shared/model/pod.ts";
import type { EpochMs, Seconds } from "../../../shared/model/units.ts";

export interface DrillPod {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly class: EvictionClass;
  /** From when on it is asked to leave. Null: it is kept, or leaves already. */
  readonly at: EpochMs | null;
  /** With that start. */
  readonly grace: Seconds;
  /** Why a drill leaves it where it is. */
  readonly kept: string | null;
}

export interface DrillPlan {
  readonly mode: "parallel" | "staggered";
  /** In the order in which they are asked. */
  readonly pods: readonly DrillPod[];
}

export interface DrillPlanInput {
  readonly pods: readonly Pod[];
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly now: EpochMs;
  /** Pods that nobody makes again are moved as well. */
  readonly unmanaged: boolean;
}

/** As if no class were empty before its time: the latest start that each pod may have. */
export function drillPlan({ unmanaged, ...input }: DrillPlanInput): DrillPlan {
  const plan = planDrain({ ...input, kind: "drill", moveUnmanaged: unmanaged, self: null });
  const starts = new Map(startsOf(plan, classesWithout(plan.pods)).map(({ pod, at }) => [pod.uid, at]));
  const planned = plan.pods.map((pod): DrillPod => {
    const { key, namespace, name, uid } = pod;
    const at = starts.get(uid) ?? null;
    return {
      key,
      namespace,
      name,
      uid,
      class: pod.class,
      at,
      grace: graceAt(plan.window, pod, at ?? input.seenAt),
      kept: pod.kept === null ? null : keptDetail(pod.kept),
    };
  });
  return {
    mode: plan.window.mode,
    pods: planned.toSorted((a, b) => (a.at ?? Infinity) - (b.at ?? Infinity)),
  };
}

/** A class of which nobody stays holds nobody up. */
function classesWithout(
  pods: readonly { readonly class: EvictionClass; readonly state: string }[],
): Readonly<Record<EvictionClass, boolean>> {
  const isEmpty = (of: EvictionClass): boolean =>
    !pods.some((pod) => pod.class === of && pod.state !== "kept");
  return { low: isEmpty("low"), medium: isEmpty("medium"), high: isEmpty("high"), system: isEmpty("system") };
}
