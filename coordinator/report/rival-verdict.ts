// The condition that tells whether something else sizes a group of the policy, or exchanges its machines: who, where it
// was seen, and what ends it. It only tells; what the pool does about it was decided.

import { CONDITION } from "../../shared/model/names.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import type { Verdict } from "./conditions.ts";
import { sentence } from "./explain.ts";
import { shortened } from "./sentences/words.ts";

export interface RivalOfPool {
  readonly pool: string;
  readonly reason: Extract<Reason, { readonly code: "rival" }>;
}

const MAX_NAMED = 5;
const LONGEST = 600;

/** `reason` by the worst of them: what holds a pool, what keeps its nodes, what is only told. */
export function rivalVerdict(rivals: readonly RivalOfPool[]): Verdict {
  const type = CONDITION.rival;
  if (rivals.length === 0)
    return { type, status: "False", reason: "NoRival", message: "nothing else is seen to size the groups" };
  const has = (stops: RivalOfPool["reason"]["stops"]): boolean =>
    rivals.some(({ reason }) => reason.stops === stops);
  const shown = rivals
    .slice(0, MAX_NAMED)
    .map(({ pool, reason }) => `pool ${pool}: ${shortened(sentence(reason), LONGEST)}`);
  const left = rivals.length - shown.length;
  return {
    type,
    status: "True",
    reason: has("everything") ? "PoolHeld" : has("removals") ? "MachinesExchanged" : "OnlyTold",
    message: [...shown, ...(left > 0 ? [`${left} more`] : [])].join("; "),
  };
}
