// A node that is not up yet was asked for by somebody who is still waiting for it. One that should be up and is not
// is ill, which is another matter than idle.

import type { Rule } from "../rule.ts";

export const booting: Rule = {
  name: "booting",
  veto: ({ state, cause }) => {
    if (cause.kind === "unhealthy") return null;
    if (state.standing === "booting") return { code: "node-booting", node: state.name };
    if (state.standing === "sick")
      return { code: "node-not-removable", node: state.name, detail: "it is not ready" };
    return null;
  },
};
