// Every NoSchedule or NoExecute taint of the node as it will be has to be tolerated. Taints that pass, as those of a
// node that is not ready yet, are left out where the shape is learned; PreferNoSchedule forbids nothing.

import { untoleratedTaint } from "../../../shared/model/node.ts";
import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const taints: Check = {
  name: "taints",
  reads: "marks",
  refusal: (pod, place) => {
    const taint = untoleratedTaint(place.taints, pod.tolerations);
    if (taint === null) return null;
    return {
      code: "untolerated-taint",
      pool: calledPool(place),
      taint: `${taint.key}=${taint.value ?? ""}:${taint.effect}`,
    };
  },
};
