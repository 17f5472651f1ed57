// A Job's pod that is evicted starts its work again from the beginning, so it stays unless somebody has said that
// it may go: on the pod, by a hook that saves its state first, or for the whole policy by giving up idle holders of
// GPUs.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { isCheckpointed } from "../fleet/tenants.ts";
import type { Rule } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";

export const job: Rule = {
  name: "job",
  veto: ({ pool, state, pods, cause }) => {
    const isGivenUp = (pod: PodInput): boolean =>
      pod.annotations[POD_ANNOTATION.safeToEvict] === "true" ||
      isCheckpointed(pod) ||
      (cause.kind === "idle" && pool.spec.reclaimIdleHolders && gpusIn(pod.requests) > 0);
    const kept = pods.find((pod) => pod.owner?.kind === "Job" && !isGivenUp(pod));
    return kept === undefined ? null : { code: "pod-of-job", node: state.name, pod: kept.key };
  },
};
