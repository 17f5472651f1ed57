// A pod may say that it is not to be moved, in the words of the autoscalers that people come from. The agent asks the same
// question when it drains.

import { podRefusal } from "../../../shared/model/pod-refusal.ts";
import type { Rule } from "../rule.ts";

export const refusing: Rule = {
  name: "refusing",
  veto: ({ state, pods }, { packing }) => {
    for (const { key, annotations, startedAt } of pods) {
      const annotation = podRefusal({ annotations, startedAt }, packing.fleet.at);
      if (annotation !== null) return { code: "pod-refuses", node: state.name, pod: key, annotation };
    }
    return null;
  },
};
