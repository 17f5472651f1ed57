// Every pod of the node has a place on another node that is here, as full as this decision leaves it. Where places were
// given before, those count and no others: a pod that is to go to spot does not go to another on-demand node first.

import type { Rule } from "../rule.ts";

export const elsewhere: Rule = {
  name: "elsewhere",
  veto: (candidate, { rehousing, packing }) => {
    const { state, pods, cause } = candidate;
    if (pods.length === 0) return null;
    if (cause.kind === "exchange") {
      const waits = pods.find(({ key }) => packing.board.placed.get(key)?.kind !== "node");
      return waits === undefined ? null : { code: "return-waits", node: state.name, pod: waits.key };
    }
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
