// A node that its cloud takes is the agent's and the replacement's business; removing it by choice would only
// cross their work.

import type { Rule } from "../rule.ts";

export const underNotice: Rule = {
  name: "under-notice",
  veto: ({ state }) => (state.notice === null ? null : { code: "node-under-notice", node: state.name }),
};
