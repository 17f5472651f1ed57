import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { HOUR, NOW } from "../../../test/build/now.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { Cause } from "../rule.ts";
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

describe("an ill node", () => {
  const ill: Cause = {
    kind: "unhealthy",
    because: { code: "node-not-ready", node: "n1", forMs: millis(HOUR) },
  };
  const full = (maxSize: number) =>
    snapshot({ nodes, policies: [policy({ pools: [pool("spot", { minSize: 2, maxSize })] })] });
  test("waits for the next one while the pool may have one more", () => {
    expect(verdict(minimum, full(3), "n1", ill)?.code).toBe("at-minimum");
  });
  test("goes first where it may not, or a pool of one fixed size would keep it for ever", () => {
    expect(verdict(minimum, full(2), "n1", ill)).toBeNull();
    expect(verdict(minimum, full(2))?.code).toBe("at-minimum");
  });
});

test("a machine that failed stands for no node", () => {
  const failed = { id: "f-1", node: null, state: "failed" as const };
  const instances = [{ id: "i-n1", node: "n1", state: "ready" as const }, failed];
  const pools = [pool("spot", { minSize: 1, size: 2, instances })];
  expect(verdict(minimum, snapshot({ nodes: [node("n1")], policies: [policy({ pools })] }))).toEqual({
    code: "at-minimum",
    scope: "pool",
    minimum: 1,
  });
});

test("a removal on its way counts as done", () => {
  const moves = [move(NOW, { kind: "shrink", node: "n2", phase: "draining", from: 2, to: 1 })];
  const input = snapshot({ nodes, policies: [policy({ minNodes: 1, journal: { moves } })] });
  expect(verdict(minimum, input)).toEqual({ code: "at-minimum", scope: "policy", minimum: 1 });
});
