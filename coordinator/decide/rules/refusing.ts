// A pod may say that it is not to be moved, in the words of the autoscalers that people come from. Karpenter's
// annotation may be a length of time from the pod's start; any other value but "false" keeps it for good.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { parseGoDuration } from "../fleet/tenants.ts";
import type { Rule } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";

export const refusing: Rule = {
  name: "refusing",
  veto: ({ state, pods }, { packing }) => {
    for (const pod of pods) {
      const annotation = refusalOf(pod, packing.fleet.at);
      if (annotation !== null) return { code: "pod-refuses", node: state.name, pod: pod.key, annotation };
    }
    return null;
  },
};

function refusalOf({ annotations, startedAt }: PodInput, at: EpochMs): string | null {
  if (annotations[POD_ANNOTATION.safeToEvict] === "false") return POD_ANNOTATION.safeToEvict;
  const doNotDisrupt = annotations[POD_ANNOTATION.doNotDisrupt];
  if (doNotDisrupt === undefined || doNotDisrupt === "" || doNotDisrupt === "false") return null;
  const forMs = parseGoDuration(doNotDisrupt);
  // Nobody knows how long a pod has run that does not say when it began.
  const isOver = forMs !== null && startedAt !== undefined && at - startedAt >= forMs;
  return isOver ? null : POD_ANNOTATION.doNotDisrupt;
}
