// Which pods of the node want to be told to save their state, whatever the occasion.

import type { CheckpointHookOf } from "../../../shared/model/checkpoint-hook.ts";
import { isCovered } from "../../../shared/model/drain-plan.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import { evictionClass } from "../../../shared/model/pod.ts";
import type { HookTarget } from "./hooks.ts";

/** `self`: namespace/name of the agent's own pod. */
export function hookTargets(
  pods: readonly Pod[],
  hookOf: CheckpointHookOf,
  self: string | null,
): readonly HookTarget[] {
  return pods
    .filter((pod) => isCovered(pod, self))
    .flatMap((pod) => {
      const hook = hookOf(pod);
      const { name, namespace = "default", uid = "" } = pod.metadata;
      return hook === null ? [] : [{ namespace, name, uid, class: evictionClass(pod).class, hook }];
    });
}
