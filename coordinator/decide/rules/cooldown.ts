// A pause after each removal from a pool, so that what it does to the rest shows before the next batch. An ill node
// does nothing for the rest.

import { downCooldownLeft } from "../limits/cooldown.ts";
import { isReplaced } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const cooldown: Rule = {
  name: "cooldown",
  veto: ({ pool, cause }, { packing }) => {
    if (isReplaced(cause)) return null;
    const leftMs = downCooldownLeft(pool, packing.fleet.at);
    return leftMs > 0 ? { code: "cooldown", direction: "down", leftMs } : null;
  },
};
