// A GPU that a pod holds is in use, whatever it is doing with it: a loaded model that waits for its next request
// reads 0 %. An operator may give that up for pods that have not said no. Who goes for another reason than idleness
// moves with its GPUs.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { Rule } from "../rule.ts";

export const allocated: Rule = {
  name: "allocated",
  veto: ({ pool, state, pods, cause }) => {
    if (cause.kind !== "idle") return null;
    const holders = pods.filter((pod) => gpusIn(pod.requests) > 0);
    const [holder] = holders;
    if (holder === undefined) return null;
    if (!pool.spec.reclaimIdleHolders) return { code: "gpu-held", node: state.name, pod: holder.key };
    const refuses = holders.find((pod) => pod.annotations[POD_ANNOTATION.reclaim] === "false");
    return refuses === undefined
      ? null
      : { code: "pod-refuses", node: state.name, pod: refuses.key, annotation: POD_ANNOTATION.reclaim };
  },
};
