// A reserved node is paid for whether it runs or not, up to the share of the policy's GPUs that is written as
// reserved: below that it is not given up for being unused. Nor is one moved off to save money, since that saves none.

import { poolsOf } from "../fleet/fleet.ts";
import { gpusLeft } from "../limits/tier-gpus.ts";
import { isReplaced } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const reservedPaid: Rule = {
  name: "reserved-paid",
  veto: ({ pool, state, cause }, { packing, steps }) => {
    if (pool.pool.capacityType !== "reserved") return null;
    if (isReplaced(cause) || cause.kind === "expired") return null;
    if (cause.kind === "movable") return { code: "reserved-paid", node: state.name };
    const share = pool.spec.reservedPercentage ?? 0;
    const left = gpusLeft(poolsOf(packing.fleet, pool.policy), steps.removals);
    const paid = share * (left.spot + left["on-demand"] + left.reserved);
    return left.reserved - (pool.gpusPerNode ?? 0) < paid
      ? { code: "reserved-paid", node: state.name }
      : null;
  },
};
