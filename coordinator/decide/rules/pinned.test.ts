import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { pinned } from "./pinned.ts";

test.each(["cluster-autoscaler.kubernetes.io/scale-down-disabled", "karpenter.sh/do-not-disrupt"])(
  "%s: true keeps the node",
  (annotation) => {
    const input = snapshot({ nodes: [node("n1", { annotations: { [annotation]: "true" } })] });
    expect(verdict(pinned, input)).toEqual({ code: "node-pinned", node: "n1", annotation });
  },
);

test("a pin that says false pins nothing", () => {
  const annotations = { "karpenter.sh/do-not-disrupt": "false" };
  expect(verdict(pinned, snapshot({ nodes: [node("n1", { annotations })] }))).toBeNull();
});
