// What was added to a pool a moment ago, or is added by this very decision, was wanted: it gets time to be used
// before anything of the pool goes. An ill node is not what was wanted.

import { millis } from "../../../shared/model/units.ts";
import { afterAddLeft } from "../limits/cooldown.ts";
import { isReplaced } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const afterAdd: Rule = {
  name: "after-add",
  veto: ({ pool, cause }, { packing }) => {
    if (isReplaced(cause)) return null;
    const adds = packing.ledger.added(pool).nodes > 0;
    const leftMs = adds
      ? millis(pool.spec.scaleDownDelayAfterAddSeconds * 1000)
      : afterAddLeft(pool, packing.fleet.at);
    return adds || leftMs > 0 ? { code: "after-add", leftMs } : null;
  },
};
