import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { holdCodes, memory, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { PodInput } from "../snapshot-pod.ts";

const OPEN = { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false };
const AT_ONCE = { consolidation: { enabled: true, afterSeconds: 0 }, disruption: OPEN };
const costs = (usdPerHour: number): PoolOptions => ({ fields: { price: { usdPerHour } } });

describe("to move pods onto an empty node", () => {
  const fleet = (dear: PoolOptions, extra: readonly PodInput[] = []) =>
    snapshot({
      nodes: [node("c1", { pool: "cheap" }), node("d1", { pool: "dear" })],
      pods: [pod("p", { node: "c1" }), ...extra],
      policies: [policy({ ...AT_ONCE, pools: [pool("cheap", costs(1)), pool("dear", dear)] })],
      memory: memory({ d1: { emptyMs: MINUTE } }),
    });
  const saved = (input: ReturnType<typeof fleet>) =>
    shrinks(decide(input)).map(({ node: name, because }) => [name, because]);

  test("keeps that node, so it saves only what that one costs less", () => {
    expect(shrinks(decide(fleet(costs(10))))).toEqual([]);
    expect(holdCodes(decide(fleet(costs(10))), "cheap")).toEqual(["not-cheaper"]);
    expect(saved(fleet(costs(0.25)))).toEqual([
      ["c1", [{ code: "movable", node: "c1", forMs: 0, savesUsdPerHour: 0.75 }]],
    ]);
  });

  test("saves nothing that anybody could tell where its price is not known", () => {
    expect(holdCodes(decide(fleet({})), "cheap")).toEqual(["not-cheaper"]);
  });

  test("saves all where the empty one stays anyway, or is not empty", () => {
    const all = [["c1", [{ code: "movable", node: "c1", forMs: 0, savesUsdPerHour: 1 }]]];
    expect(saved(fleet({ ...costs(10), minSize: 1 }))).toEqual(all);
    expect(saved(fleet({ ...costs(10), capacityType: "reserved" }))).toEqual(all);
    expect(saved(fleet(costs(10), [pod("stays", { node: "d1", owner: null })]))).toEqual(all);
  });
});

test("nothing is moved while an empty node would draw the pods, though others had room", () => {
  const fleet = (emptied: readonly PodInput[], spec: PolicyOptions = {}) =>
    snapshot({
      nodes: [node("n1"), node("n2"), node("n3", { labels: { room: "kept" } })],
      pods: [
        pod("p", { node: "n1", gpus: 0 }),
        pod("half", { node: "n2", gpus: 4, owner: null }),
        ...emptied,
      ],
      policies: [policy({ ...AT_ONCE, pools: [pool("spot", costs(2))], ...spec })],
      memory: memory({ n3: { emptyMs: MINUTE } }),
    });
  const moved = (input: ReturnType<typeof fleet>) => shrinks(decide(input)).map((move) => move.node);
  expect(moved(fleet([]))).toEqual([]);
  expect(moved(fleet([pod("most", { node: "n3", gpus: 6, owner: null })]))).toEqual(["n1"]);
  // It stays empty on purpose, so it is no node that would go first.
  const headroom = [{ name: "spare", gpus: 8, nodeSelector: { room: "kept" } }];
  expect(moved(fleet([], { headroom }))).toEqual(["n1"]);
});

// Found by playing decisions against a scheduler that spreads: the 2 took the place of the 4, a node was bought for
// the 4, and once it was there all began anew.
describe("pods that fit only if the scheduler packs as well as we do", () => {
  const fleet = (moving: readonly number[]) =>
    snapshot({
      nodes: ["n1", "n2", "n3"].map((name) => node(name)),
      pods: [
        ...moving.map((gpus, index) => pod(`m${index}`, { node: "n1", gpus })),
        pod("half", { node: "n2", gpus: 4, owner: null }),
        pod("most", { node: "n3", gpus: 6, owner: null }),
      ],
      policies: [policy({ ...AT_ONCE, pools: [pool("spot", costs(2))] })],
    });

  test("are not moved to save money", () => {
    expect(shrinks(decide(fleet([4, 2])))).toEqual([]);
    expect(holdCodes(decide(fleet([4, 2])))).toContain("fits-nowhere-else");
  });

  test("are moved where any order does, and where they are all alike", () => {
    expect(shrinks(decide(fleet([3, 1]))).map((move) => move.node)).toEqual(["n1"]);
    expect(shrinks(decide(fleet([2, 2, 2]))).map((move) => move.node)).toEqual(["n1"]);
  });
});
