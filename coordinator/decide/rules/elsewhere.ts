// Every pod of the node has a place on another node that is here, as full as this decision leaves it.

import type { Rule } from "../rule.ts";

export const elsewhere: Rule = {
  name: "elsewhere",
  veto: (candidate, { rehousing }) => {
    const { state, pods } = candidate;
    if (pods.length === 0) return null;
    const verdict = rehousing(candidate);
    switch (verdict.kind) {
      case "fits":
        return null;
      case "stuck":
        return { code: "fits-nowhere-else", node: state.name, pod: verdict.pod };
      case "unknown":
        return { code: "work-exhausted", pods: pods.length, units: verdict.units };
      default:
        return verdict satisfies never;
    }
  },
};
