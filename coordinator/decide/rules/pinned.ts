// People pin a node by an annotation, ours or another autoscaler's, and mean it for all of them.

import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import type { Rule } from "../rule.ts";

const PINS = [NODE_ANNOTATION.scaleDownDisabled, NODE_ANNOTATION.doNotDisrupt];

export const pinned: Rule = {
  name: "pinned",
  veto: ({ state }) => {
    const annotation = PINS.find((pin) => state.node.annotations[pin] === "true");
    return annotation === undefined ? null : { code: "node-pinned", node: state.name, annotation };
  },
};
