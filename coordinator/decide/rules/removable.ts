// A node goes by its own name or not at all: lowering a number would let the group pick the victim.

import type { Rule } from "../rule.ts";

export const removable: Rule = {
  name: "removable",
  veto: ({ pool, state }) => {
    const { group } = pool.input;
    if (pool.blocked !== null && pool.blocked.code !== "spot-disabled") return pool.blocked;
    if (group.kind !== "known")
      return { code: "node-not-removable", node: state.name, detail: "its group cannot be read" };
    if (!group.chosenRemoval) {
      return {
        code: "node-not-removable",
        node: state.name,
        detail: "its group cannot remove a chosen member",
      };
    }
    if (state.instance === null)
      return { code: "node-not-removable", node: state.name, detail: "its group does not list it" };
    const { keptBecause } = state.instance;
    return keptBecause === undefined
      ? null
      : { code: "node-not-removable", node: state.name, detail: keptBecause };
  },
};
