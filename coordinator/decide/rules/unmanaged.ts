// A pod that nobody owns is not made again: evicting it ends it.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { Rule } from "../rule.ts";

export const unmanaged: Rule = {
  name: "unmanaged",
  veto: ({ state, pods }) => {
    const alone = pods.find(
      (pod) => pod.owner === null && pod.annotations[POD_ANNOTATION.safeToEvict] !== "true",
    );
    return alone === undefined ? null : { code: "pod-unmanaged", node: state.name, pod: alone.key };
  },
};
