// What was added to a pool a moment ago was wanted: it gets time to be used before anything of the pool goes.

import { afterAddLeft } from "../limits/cooldown.ts";
import type { Rule } from "../rule.ts";

export const afterAdd: Rule = {
  name: "after-add",
  veto: ({ pool }, { packing }) => {
    const leftMs = afterAddLeft(pool, packing.fleet.at);
    return leftMs > 0 ? { code: "after-add", leftMs } : null;
  },
};
