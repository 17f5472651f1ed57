// A pod may say that it is not to be moved, in the words of the autoscalers that people come from. For Karpenter's
// annotation any value but "false" keeps it, since it may also be a length of time.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { Rule } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";

export const refusing: Rule = {
  name: "refusing",
  veto: ({ state, pods }) => {
    for (const pod of pods) {
      const annotation = refusalOf(pod);
      if (annotation !== null) return { code: "pod-refuses", node: state.name, pod: pod.key, annotation };
    }
    return null;
  },
};

function refusalOf({ annotations }: PodInput): string | null {
  if (annotations[POD_ANNOTATION.safeToEvict] === "false") return POD_ANNOTATION.safeToEvict;
  const doNotDisrupt = annotations[POD_ANNOTATION.doNotDisrupt];
  return doNotDisrupt === undefined || doNotDisrupt === "" || doNotDisrupt === "false"
    ? null
    : POD_ANNOTATION.doNotDisrupt;
}
