// Whether one more node may go at all by numbers: the freeze switch, disruption budgets, the rate of ten minutes,
// `behavior`. Asked last, when nothing else stands against the node.

import { DISRUPTION_OF } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const limits: Rule = {
  name: "limits",
  veto: ({ pool, cause }, { packing }) => packing.ledger.removalRefusal(pool, DISRUPTION_OF[cause.kind]),
};
