// A removal that failed, or that its agent refused, is not tried again at once: what stood against it seldom goes in a
// minute, and a node must not be closed and opened in turn. Windows of empty and idle nodes begin again by themselves.

import { elapsed } from "../../../shared/model/units.ts";
import { refusalOf } from "../fleet/idle.ts";
import type { Rule } from "../rule.ts";

export const lastTry: Rule = {
  name: "last-try",
  veto: ({ pool, state, cause }, { packing }) => {
    if (cause.kind === "empty" || cause.kind === "return" || cause.kind === "idle") return null;
    const refusedAt = refusalOf(state, pool);
    if (refusedAt === null || elapsed(refusedAt, packing.fleet.at) > pool.spec.idleSeconds * 1000)
      return null;
    return {
      code: "agent-refused",
      node: state.name,
      detail: "its agent refused, or the last try to remove it failed",
    };
  },
};
