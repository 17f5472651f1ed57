// A pod that waits, or is about to be bound, was planned onto this node in this very decision.

import type { Rule } from "../rule.ts";

export const neededForPending: Rule = {
  name: "needed-for-pending",
  veto: ({ state }, { packing }) => {
    const pod = packing.board.byNode.get(state.name)?.placed[0];
    return pod === undefined ? null : { code: "needed-for-pending", node: state.name, pod: pod.key };
  },
};
