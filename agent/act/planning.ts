// The plan of a drain as it stands at this moment: the arithmetic of shared/model/drain-plan.ts over the pods that the
// watch knows now. It is made anew whenever something changes, and nothing of it is kept.

import type { CheckpointHookOf } from "../../shared/model/checkpoint-hook.ts";
import { planDrain } from "../../shared/model/drain-plan.ts";
import type { DrainPlan } from "../../shared/model/drain-plan.ts";
import type { Pod } from "../../shared/model/kube.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { drainKind } from "./order.ts";
import type { DrainOrder } from "./order.ts";

/** This node's pods as a watch knows them. */
export interface PodSource {
  readonly synced: boolean;
  /** Since when nothing was heard; null while the watch is open. */
  readonly staleSince: EpochMs | null;
  values(): readonly Pod[];
}

/** Who is planned for, and how. */
export interface PlanOptions {
  readonly pods: PodSource;
  /** namespace/name of our own pod. */
  readonly self: string | null;
  /** How a pod wants to be told to save its state. Left out: nobody is told. */
  readonly hookOf?: CheckpointHookOf | undefined;
  /** Whether a drill moves pods without a controller, as it stands now. Left out: it does not. */
  readonly moveUnmanaged?: (() => boolean) | undefined;
}

export function planNow(options: PlanOptions, order: DrainOrder, now: EpochMs): DrainPlan {
  const { seenAt, deadline } = order;
  return planDrain({
    pods: options.pods.values(),
    seenAt,
    deadline,
    kind: drainKind(order),
    now,
    self: options.self,
    hookOf: options.hookOf,
    moveUnmanaged: options.moveUnmanaged?.() ?? false,
  });
}
