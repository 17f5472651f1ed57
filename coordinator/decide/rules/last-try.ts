// A removal that failed, or that its agent refused, is not tried again at once: what stood against it seldom goes in a
// minute, and a node must not be closed and opened in turn. Windows of empty and idle nodes begin again by themselves.
// Where another node is bought first, each try costs money, so it is an hour at least.

import { elapsed } from "../../../shared/model/units.ts";
import { refusalOf } from "../fleet/idle.ts";
import type { Rule } from "../rule.ts";

const LEAST_SECONDS_OF_EXCHANGE = 3600;

export const lastTry: Rule = {
  name: "last-try",
  veto: ({ pool, state, cause }, { packing }) => {
    if (cause.kind === "empty" || cause.kind === "return" || cause.kind === "idle") return null;
    const refusedAt = refusalOf(state, pool);
    const { idleSeconds } = pool.spec;
    const waits = cause.kind === "exchange" ? Math.max(idleSeconds, LEAST_SECONDS_OF_EXCHANGE) : idleSeconds;
    if (refusedAt === null || elapsed(refusedAt, packing.fleet.at) > waits * 1000) return null;
    return {
      code: "agent-refused",
      node: state.name,
      detail: "its agent refused, or the last try to remove it failed",
    };
  },
};
