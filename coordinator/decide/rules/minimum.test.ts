import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { NOW } from "../../../test/build/now.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { minimum } from "./minimum.ts";

const nodes = [node("n1"), node("n2")];

test("neither the pool's nor the policy's minimum is broken", () => {
  const ofPool = snapshot({ nodes, policies: [policy({ pools: [pool("spot", { minSize: 2 })] })] });
  expect(verdict(minimum, ofPool)).toEqual({ code: "at-minimum", scope: "pool", minimum: 2 });
  expect(verdict(minimum, snapshot({ nodes, policies: [policy({ minNodes: 2 })] }))).toEqual({
    code: "at-minimum",
    scope: "policy",
    minimum: 2,
  });
  expect(verdict(minimum, snapshot({ nodes, policies: [policy({ minNodes: 1 })] }))).toBeNull();
});

test("a removal on its way counts as done", () => {
  const moves = [move(NOW, { kind: "shrink", node: "n2", phase: "draining", from: 2, to: 1 })];
  const input = snapshot({ nodes, policies: [policy({ minNodes: 1, journal: { moves } })] });
  expect(verdict(minimum, input)).toEqual({ code: "at-minimum", scope: "policy", minimum: 1 });
});
