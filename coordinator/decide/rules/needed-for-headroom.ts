// GPUs that the operator keeps free for pods that come are no idle GPUs.

import { neededForHeadroom as headroomMissing } from "../grow/headroom.ts";
import { isReplaced } from "../rule.ts";
import type { Rule } from "../rule.ts";

export const neededForHeadroom: Rule = {
  name: "needed-for-headroom",
  veto: ({ pool, state, pods, cause }, { packing }) => {
    if (isReplaced(cause)) return null;
    const name = headroomMissing(packing, pool, state.name, pods);
    return name === null ? null : { code: "needed-for-headroom", node: state.name, name };
  },
};
