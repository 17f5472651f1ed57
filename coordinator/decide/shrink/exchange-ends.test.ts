// What was bought for pods that go back is used by them: whatever the purchase itself has used up, and whatever happens to
// the next one, the node that has come ends the exchange that it was bought for.

import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import {
  bought,
  failedLately,
  given,
  gone,
  onDemand,
  REPLACES,
  spotPool,
} from "../../../test/build/back-to-spot.ts";
import { node } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { comingTo, policy, pool } from "../../../test/build/policy.ts";
import { holdCodes, memory } from "../../../test/build/snapshot.ts";
import { createExplainer } from "../answer/explain.ts";
import { decide, decideInFull } from "../decide.ts";

const BUYS_ONE = [["spot", 1, ["return-to-spot", "tier-share"]]];
const O1_GOES = [["o1", "walk", "Return"]];
const nodesOf = (...names: readonly string[]) => names.map((name) => node(name, { pool: "od" }));
const full = (...names: readonly string[]) => names.map((name) => pod(`on-${name}`, { node: name, gpus: 8 }));
const coming = (nodes: number, size = nodes) => spotPool({ size, instances: comingTo(nodes) });

describe("a spot node that was bought for pods that go back", () => {
  test.each([
    ["the last that its pool may have", { pools: [spotPool({ maxSize: 1 }), onDemand()] }],
    ["the last that the policy may have", { maxNodes: 2 }],
    [
      "the last that ten minutes allow",
      {
        maxPercentOrNodesAdded: { nodes: 1, percent: 1 },
        journal: { additions: [{ at: epochMs(NOW - 5 * MINUTE), nodes: 1 }] },
      },
    ],
    ["the last that may be paid for", { maxHourlyCostUsd: 4 }],
    ["followed by one that failed to come", { journal: { offerings: failedLately } }],
  ])("ends it although it was %s", (_what, options) => {
    expect(gone(given({ policy: options, nodes: [...nodesOf("o1"), node("s1")] }))).toEqual(O1_GOES);
  });

  test("ends it where the share asks for half, and keeps its place until then", () => {
    const half = (policyOptions: object, nodes = nodesOf("o1", "o2")) =>
      given({
        policy: { spotInstancePercentage: 0.5, ...policyOptions },
        nodes,
        pods: full("o1", "o2"),
        rest: { memory: memory({ s1: { emptyMs: HOUR } }) },
      });
    expect(bought(half({}))).toEqual(BUYS_ONE);
    const between = half({ pools: [coming(1), onDemand()] });
    expect(bought(between)).toEqual([]);
    expect(holdCodes(decide(between), "od")).toContain("return-waits");
    expect(gone(half({}, [...nodesOf("o1", "o2"), node("s1")]))).toEqual(O1_GOES);
  });

  test("is no reason to go on beyond the share once its pods are there", () => {
    const input = given({
      policy: { spotInstancePercentage: 0.5 },
      nodes: [...nodesOf("o2"), node("s1")],
      pods: [...full("o2"), pod("on-o1", { node: "s1", gpus: 8 })],
    });
    expect(bought(input)).toEqual([]);
    expect(gone(input)).toEqual([]);
  });

  test("is waited for, and nothing moves to another on-demand node meanwhile", () => {
    const small = ["o1", "o2"].map((name) => pod(`on-${name}`, { node: name, gpus: 2 }));
    const input = given({ nodes: nodesOf("o1", "o2"), pods: small });
    expect(bought(input)).toEqual(BUYS_ONE);
    expect(gone(input)).toEqual([]);
    const consolidating = given({
      policy: { consolidation: { enabled: true, afterSeconds: 0 } },
      nodes: nodesOf("o1", "o2"),
      pods: small,
    });
    expect(gone(consolidating)).toEqual([]);
  });

  test("says of the node that waits for it which pod it waits with", () => {
    const worked = decideInFull(given({ policy: { pools: [coming(1), onDemand()] } }));
    expect(createExplainer(worked).node("o1")).toMatchObject({
      moves: [],
      stays: { code: "return-waits", node: "o1", pod: "default/web" },
    });
  });

  test("keeps its room for pods of a node that is being emptied, so that no other node goes there", () => {
    const request = { kind: "value", value: { id: "r", reason: "Return", evenBusy: true } } as const;
    const input = given({
      nodes: [node("o1", { pool: "od", drainRequest: request as never }), ...nodesOf("o2"), node("s1")],
      pods: full("o1", "o2"),
    });
    expect(gone(input)).toEqual([]);
    expect(bought(input)).toEqual(BUYS_ONE);
  });

  test("comes before the pods of a node that is being emptied need another on-demand node", () => {
    const request = { kind: "value", value: { id: "r", reason: "Return", evenBusy: true } } as const;
    const input = given({
      nodes: [node("o1", { pool: "od", drainRequest: request as never }), ...nodesOf("o2"), node("s1")],
      pods: [pod("a", { node: "o1", gpus: 2 }), pod("b", { node: "o2", gpus: 2 })],
    });
    // Both fit on the spot node, so the second goes as well.
    expect(gone(input)).toEqual([["o2", "walk", "Return"]]);
  });
});

describe("nothing is bought for a node that could not go then", () => {
  const three = nodesOf("o1", "o2", "o3");
  const own = full("o1", "o2", "o3");
  const count = (options: object) =>
    bought(given({ policy: options, nodes: three, pods: own })).map(([, nodes]) => nodes);
  test("as many as the pool keeps, the tier keeps, or the share allows are left out", () => {
    expect(count({})).toEqual([3]);
    expect(count({ pools: [spotPool(), onDemand(3, { minSize: 1 })] })).toEqual([2]);
    expect(count({ spot: { ...REPLACES, onDemandFloorGpus: 16 } })).toEqual([1]);
    expect(count({ spotInstancePercentage: 0.4 })).toEqual([1]);
  });
  test("but the nodes of a policy may be as few as they are, since what is bought counts", () => {
    expect(bought(given({ policy: { minNodes: 1 } }))).toEqual(BUYS_ONE);
    const there = given({ policy: { minNodes: 1 }, nodes: [...nodesOf("o1"), node("s1")] });
    expect(gone(there)).toEqual(O1_GOES);
    // Two would become one.
    const small = ["o1", "o2"].map((name) => pod(`on-${name}`, { node: name, gpus: 2 }));
    const two = given({ policy: { minNodes: 2 }, nodes: nodesOf("o1", "o2"), pods: small });
    expect(bought(two)).toEqual(BUYS_ONE);
  });
  test("two pools of a policy share what the share leaves", () => {
    const od = (name: string) =>
      pool(name, { capacityType: "on-demand", fields: { price: { usdPerHour: 3 } } });
    const nodes = ["o1", "o2", "p1", "p2"].map((name) =>
      node(name, { pool: name.startsWith("o") ? "od" : "pd" }),
    );
    const input = given({
      policy: { pools: [spotPool(), od("od"), od("pd")], spotInstancePercentage: 0.5 },
      nodes,
      pods: full("o1", "o2", "p1", "p2"),
    });
    expect(bought(input).map(([, added]) => added)).toEqual([2]);
  });
  test("one that is ill and gets another is not bought for twice", () => {
    const ill = node("o1", {
      pool: "od",
      annotations: { "gpu-autoscaler.io/health": "unused" },
    });
    const input = given({ nodes: [ill], pods: [pod("web", { node: "o1" })] });
    expect(bought(input)).toEqual(BUYS_ONE);
  });
  test("half of what ten minutes allow stays for pods that wait", () => {
    const rate = { maxPercentOrNodesAdded: { nodes: 4, percent: 1 } };
    expect(count(rate)).toEqual([2]);
    expect(count({ maxPercentOrNodesAdded: { nodes: 1, percent: 1 } })).toEqual([1]);
  });
  test("more interruptions than the policy stands leave more on demand", () => {
    const until = { demo: epochMs(NOW + HOUR) };
    const ten = Array.from({ length: 10 }, (_, index) => `o${index}`);
    const input = (lessSpot?: object) =>
      given({
        policy: {
          spot: { ...REPLACES, maxInterruptionsPerNodeDay: 0.1 },
          maxPercentOrNodesAdded: { nodes: 100, percent: 100 },
        },
        nodes: nodesOf(...ten),
        pods: full(...ten),
        rest: { memory: { ...memory({}), ...(lessSpot === undefined ? {} : { lessSpot }) } as never },
      });
    expect(bought(input()).map(([, nodes]) => nodes)).toEqual([10]);
    expect(bought(input(until)).map(([, nodes]) => nodes)).toEqual([9]);
  });
  test("what is only recommended holds no node of another policy", () => {
    const input = given({
      policy: { mode: "Recommend" },
      nodes: [...nodesOf("o1"), node("x1", { pool: "other" })],
      rest: {},
    });
    const other = policy({ name: "other", pools: [pool("other", { fields: { price: { usdPerHour: 1 } } })] });
    const both = {
      ...input,
      policies: [
        ...input.policies,
        ...given({ nodes: [node("x1", { pool: "other" })], pods: [], rest: { policies: [other] } }).policies,
      ],
      memory: memory({ x1: { emptyMs: HOUR } }),
    };
    expect(gone(both)).toEqual([["x1", "empty", "Empty"]]);
  });
});

describe("a removal that failed", () => {
  const failedAgo = (agoMs: number) =>
    given({
      policy: {
        idleSeconds: 600,
        journal: {
          moves: [
            {
              key: "demo/od/shrink/o1",
              kind: "shrink",
              phase: "failed",
              pool: "od",
              node: "o1",
              from: 1,
              to: 0,
              at: new Date(NOW - agoMs).toISOString(),
            } as never,
          ],
        },
      },
    });
  test("costs the way back an hour, since each try buys a node", () => {
    expect(bought(failedAgo(59 * MINUTE))).toEqual([]);
    expect(bought(failedAgo(61 * MINUTE))).toEqual(BUYS_ONE);
  });
});
