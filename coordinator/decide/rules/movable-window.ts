// A node whose pods all have a place elsewhere goes when that has held for `consolidation.afterSeconds` and makes the
// fleet cheaper. A price that nobody knows saves nothing that anybody could tell.

import { millis } from "../../../shared/model/units.ts";
import type { Rule } from "../rule.ts";

export const movableWindow: Rule = {
  name: "movable-window",
  veto: (candidate, { movability }) => {
    const { pool, state, pods, cause } = candidate;
    if (cause.kind !== "movable") return null;
    const node = state.name;
    const verdict = movability(candidate);
    switch (verdict.kind) {
      case "not-cheaper":
        return { code: "not-cheaper", node };
      case "stuck":
        return { code: "fits-nowhere-else", node, pod: verdict.pod };
      case "unknown":
        return { code: "work-exhausted", pods: pods.length, units: verdict.units };
      case "movable": {
        const { forMs } = verdict;
        const needMs = millis(pool.spec.consolidation.afterSeconds * 1000);
        return forMs >= needMs ? null : { code: "movable-too-short", node, forMs, needMs };
      }
      default:
        return verdict satisfies never;
    }
  },
};
