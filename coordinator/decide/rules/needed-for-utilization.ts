// Without its GPUs the rest would be so busy that a node would be added at once: nodes would come and go in turn.

import { ratio } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import { exact, loadOf, nodeLoad } from "../fleet/load.ts";
import type { Rule } from "../rule.ts";

export const neededForUtilization: Rule = {
  name: "needed-for-utilization",
  veto: ({ pool, state }, { packing }) => {
    const { fleet } = packing;
    const load = loadOf(
      poolsOf(fleet, pool.policy).flatMap((other) => other.nodes),
      fleet.at,
    );
    if (load.mean === null) return null;
    const left = load.fresh - nodeLoad(state, fleet.at).fresh;
    // Its own load moves to the others; without others that report, what there is now is all that is known.
    const meanAfter = left > 0 ? Math.min(1, exact(load.sum / left)) : load.mean;
    const { scaleUpThreshold } = pool.spec;
    if (meanAfter <= scaleUpThreshold) return null;
    return {
      code: "needed-for-utilization",
      node: state.name,
      meanAfter: ratio(meanAfter),
      threshold: ratio(scaleUpThreshold),
    };
  },
};
