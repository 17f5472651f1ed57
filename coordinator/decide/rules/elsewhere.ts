// Every pod of the node has a place on another node that is here, as full as this decision leaves it.

import type { Rule } from "../rule.ts";

export const elsewhere: Rule = {
  name: "elsewhere",
  veto: (candidate, { rehousing }) => {
    const { state, pods, cause } = candidate;
    if (pods.length === 0) return null;
    const verdict = rehousing(candidate);
    switch (verdict.kind) {
      case "fits":
        return null;
      case "stuck":
        // It has its place, on a node that is not here yet.
        if (cause.kind === "exchange") return { code: "return-waits", node: state.name, pod: verdict.pod };
        return { code: "fits-nowhere-else", node: state.name, pod: verdict.pod };
      case "unknown":
        return { code: "work-exhausted", pods: pods.length, units: verdict.units };
      default:
        return verdict satisfies never;
    }
  },
};
