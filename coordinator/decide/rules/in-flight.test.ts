import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { move, policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { inFlight } from "./in-flight.ts";

test.each([
  ["shrink", "intended"],
  ["release", "intended"],
  ["grow", "intended"],
  ["replace", "intended"],
] as const)("a %s that is %s is seen through first", (kind, phase) => {
  const moves = [
    move(NOW, {
      key: "k",
      kind,
      phase,
      node: "n2",
      agoMs: MINUTE,
      from: 2,
      to: kind === "shrink" || kind === "release" ? 1 : 3,
    }),
  ];
  const input = snapshot({ nodes: [node("n1"), node("n2")], policies: [policy({ journal: { moves } })] });
  expect(verdict(inFlight, input)).toEqual({ code: "move-in-flight", key: "k", forMs: MINUTE });
});

test("a drain that is under way keeps no other node: budgets count it", () => {
  const moves = [move(NOW, { kind: "shrink", phase: "draining", node: "n2", from: 2, to: 1 })];
  const input = snapshot({ nodes: [node("n1"), node("n2")], policies: [policy({ journal: { moves } })] });
  expect(verdict(inFlight, input)).toBeNull();
});

test("what is over, or belongs to another pool, keeps nothing", () => {
  const moves = [move(NOW, { kind: "grow", phase: "failed" }), move(NOW, { kind: "grow", pool: "other" })];
  expect(
    verdict(inFlight, snapshot({ nodes: [node("n1")], policies: [policy({ journal: { moves } })] })),
  ).toBeNull();
});
