// After one removal from the pool the next one waits.

import { downCooldownLeft } from "../limits/cooldown.ts";
import type { Rule } from "../rule.ts";

export const cooldown: Rule = {
  name: "cooldown",
  veto: ({ pool }, { packing }) => {
    const leftMs = downCooldownLeft(pool, packing.fleet.at);
    return leftMs > 0 ? { code: "cooldown", direction: "down", leftMs } : null;
  },
};
