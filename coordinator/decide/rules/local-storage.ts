// Data on the node's own disk is lost with the node. By default that keeps nothing, as the pod could be lost at any
// time anyway; where its state is saved by a checkpoint, the disk may be where it is saved, so it does. Volumes that
// the pod itself names as no loss are not seen here.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { isCheckpointed } from "../fleet/tenants.ts";
import type { Rule } from "../rule.ts";

export const localStorage: Rule = {
  name: "local-storage",
  veto: ({ pool, state, pods }) => {
    const kept = pods.find(
      (pod) =>
        pod.localStorage === true &&
        pod.annotations[POD_ANNOTATION.safeToEvict] !== "true" &&
        (pool.spec.disruption.keepLocalStorage || isCheckpointed(pod)),
    );
    return kept === undefined ? null : { code: "pod-local-storage", node: state.name, pod: kept.key };
  },
};
