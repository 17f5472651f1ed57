// A node that is being emptied or removed already is not chosen a second time.

import type { Rule } from "../rule.ts";

export const draining: Rule = {
  name: "draining",
  veto: ({ state }) =>
    state.draining || state.standing === "leaving" ? { code: "node-draining", node: state.name } : null,
};
