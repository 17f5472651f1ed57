// The pods of a gang work together: when one of them leaves, those on other nodes lose their work too. A gang that is
// on this node alone moves as a whole.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { Rule } from "../rule.ts";

export const gangMember: Rule = {
  name: "gang-member",
  veto: ({ state, pods }, { nodesOfGang }) => {
    for (const { key, gang, annotations } of pods) {
      if (gang === undefined || annotations[POD_ANNOTATION.safeToEvict] === "true") continue;
      if (nodesOfGang(gang.id).size > 1)
        return { code: "gang-member", node: state.name, pod: key, gang: gang.id };
    }
    return null;
  },
};
