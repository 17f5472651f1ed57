// A list that is not complete may lack the very pod that is on the node.

import type { Rule } from "../rule.ts";

export const synced: Rule = {
  name: "synced",
  veto: (_candidate, { packing }) => {
    const { sync } = packing.fleet;
    return sync.kind === "synced" ? null : { code: "not-synced", missing: sync.missing };
  },
};
