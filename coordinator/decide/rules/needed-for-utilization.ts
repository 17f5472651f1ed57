// Without its GPUs the rest would be so busy that a node would be added at once: nodes would come and go in turn.
// What a cap forbids is not kept for that, nor is what is ill.

import type { Reason } from "../../../shared/model/reasons.ts";
import { ratio } from "../../../shared/model/units.ts";
import { exact, nodeLoad } from "../fleet/load.ts";
import { toleranceOf } from "../limits/behavior-rules.ts";
import { isReplaced } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const neededForUtilization: Rule = {
  name: "needed-for-utilization",
  veto: ({ pool, state, cause }, { packing, loadOf }) => {
    if (isReplaced(cause) || cause.kind === "over-cap") return null;
    const load = loadOf(pool);
    if (load.mean === null) return null;
    const left = load.fresh - nodeLoad(state, packing.fleet.at).fresh;
    // Its own load moves to the others; without others that report, what there is now is all that is known.
    const meanAfter = left > 0 ? Math.min(1, exact(load.sum / left)) : load.mean;
    const { scaleUpThreshold, behavior } = pool.spec;
    const keeps = (threshold: number): Reason => ({
      code: "needed-for-utilization",
      node: state.name,
      meanAfter: ratio(meanAfter),
      threshold: ratio(threshold),
    });
    if (meanAfter > scaleUpThreshold) return keeps(scaleUpThreshold);
    // A policy that asks for the pod autoscaler's behaviour loses nothing while its use is near the threshold.
    const near =
      behavior === undefined ? null : exact(scaleUpThreshold * (1 - toleranceOf(behavior, "down")));
    return near !== null && load.mean >= near ? keeps(near) : null;
  },
};
