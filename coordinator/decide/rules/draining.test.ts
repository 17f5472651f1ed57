import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, drainState } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { move, policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { draining } from "./draining.ts";

test.each([
  ["its agent empties it", { drainState: drainState({ phase: "wave" }) }],
  [
    "it has been asked for a drain",
    {
      drainRequest: {
        kind: "value",
        value: { v: 1, id: "d", deadline: NOW, reason: "idle", idleBelow: 0.2 },
      },
    },
  ],
  ["its mark cannot be read", { drainState: { kind: "malformed", why: "not JSON" } }],
] as const)("a node is not chosen again when %s", (_case, options) => {
  expect(verdict(draining, snapshot({ nodes: [node("n1", options)] }))).toEqual({
    code: "node-draining",
    node: "n1",
  });
});

test("a node with a removal on its way is not chosen again", () => {
  const moves = [
    move(NOW, { kind: "shrink", node: "n1", phase: "draining", from: 1, to: 0, agoMs: 40 * MINUTE }),
  ];
  const input = snapshot({ nodes: [node("n1")], policies: [policy({ journal: { moves } })] });
  expect(verdict(draining, input)).toEqual({ code: "node-draining", node: "n1" });
});

test("a node that was taken out of its group and has not vanished yet is not chosen again, its successor by name is", () => {
  const moves = [
    move(NOW, { kind: "shrink", node: "n1", phase: "applied", from: 1, to: 0, agoMs: 5 * MINUTE }),
  ];
  const policies = [policy({ journal: { moves } })];
  expect(verdict(draining, snapshot({ nodes: [node("n1")], policies }))).toEqual({
    code: "node-draining",
    node: "n1",
  });
  expect(verdict(draining, snapshot({ nodes: [node("n1", { ageMs: MINUTE })], policies }))).toBeNull();
});

test.each(["refused", "cancelled"] as const)("a drain that was %s is over", (phase) => {
  expect(
    verdict(draining, snapshot({ nodes: [node("n1", { drainState: drainState({ phase }) })] })),
  ).toBeNull();
});
