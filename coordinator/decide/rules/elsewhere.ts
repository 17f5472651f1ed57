// Every pod of the node has a place on another node that is here, as full as this decision leaves it.

import { elsewhere as placesElsewhere } from "../pack/pack.ts";
import type { Rule } from "../rule.ts";

export const elsewhere: Rule = {
  name: "elsewhere",
  veto: ({ state, pods }, { packing }) => {
    const verdict = placesElsewhere(packing.board, pods, state.name);
    return verdict.kind === "fits" ? null : { code: "fits-nowhere-else", node: state.name, pod: verdict.pod };
  },
};
