// A pod of the cluster's own namespace without a budget may be the only one of its kind; where the operator says so,
// it keeps its node.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { Rule } from "../rule.ts";

const SYSTEM = "kube-system/";

export const systemPod: Rule = {
  name: "system-pod",
  veto: ({ pool, state, pods }, { budgetsOf }) => {
    if (!pool.spec.disruption.keepSystemPods) return null;
    const kept = pods.find(
      (pod) =>
        pod.key.startsWith(SYSTEM) &&
        pod.annotations[POD_ANNOTATION.safeToEvict] !== "true" &&
        budgetsOf(pod.key).length === 0,
    );
    return kept === undefined ? null : { code: "pod-of-system", node: state.name, pod: kept.key };
  },
};
