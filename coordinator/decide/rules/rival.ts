// What exchanges the machines of a pool, as an instance refresh does, ends its nodes in an order of its own: one that we
// took away meanwhile would be one more than it reckons with. What sizes the group keeps every move from the pool, which
// is asked in removable.ts.

import { keptByRival } from "../fleet/rivals.ts";
import type { Rule } from "../rule.ts";

export const rival: Rule = {
  name: "rival",
  veto: ({ pool }) => keptByRival(pool.rivals),
};
