import { expect, test } from "vitest";

import { NOW, MINUTE } from "../../test/build/now.ts";
import { move } from "../../test/build/policy.ts";
import type { Move, Shrink } from "../decide/plan.ts";
import { MAX_BEGUN, MAX_UNDER_WAY, portionOf } from "./portion.ts";

const shrink = (index: number, policy = "demo"): Shrink => ({
  kind: "shrink",
  key: `${policy}/spot/shrink/n${index}`,
  policy,
  pool: "spot",
  from: 1000 - index,
  to: 999 - index,
  because: [],
  node: `n${index}`,
  instance: `i-n${index}`,
  how: "empty",
});
const grow: Move = {
  kind: "grow",
  key: "demo/spot/grow/pods",
  policy: "demo",
  pool: "spot",
  from: 1,
  to: 2,
  because: [],
  pods: [],
};
const many = (count: number, policy = "demo") => Array.from({ length: count }, (_, at) => shrink(at, policy));
const underWay = (count: number, agoMs = 0) =>
  Array.from({ length: count }, (_, at) =>
    move(NOW, { kind: "shrink", key: `k${at}`, phase: "applied", agoMs }),
  );

test("a cycle begins the first removals of each policy, and all else", () => {
  const moves = [...many(MAX_BEGUN + 10), ...many(3, "other"), grow];
  const portion = portionOf(moves, () => [], NOW);
  expect(portion).toEqual([...many(MAX_BEGUN), ...many(3, "other"), grow]);
});

test("removals that the group may not have carried out leave less room, until they are old", () => {
  expect(portionOf(many(9), () => underWay(MAX_UNDER_WAY - 4), NOW)).toEqual(many(4));
  expect(portionOf(many(9), () => underWay(MAX_UNDER_WAY + 4), NOW)).toEqual([]);
  expect(portionOf(many(9), () => underWay(MAX_UNDER_WAY, 6 * MINUTE), NOW)).toEqual(many(9));
});
