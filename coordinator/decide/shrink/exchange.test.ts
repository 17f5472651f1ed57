import { describe, expect, test } from "vitest";

import { epochMs, ratio } from "../../../shared/model/units.ts";
import {
  bought,
  failedLately,
  given,
  gone,
  onDemand,
  OPEN,
  REPLACES,
  spotPool,
} from "../../../test/build/back-to-spot.ts";
import { node } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import type { PodOptions } from "../../../test/build/pod.ts";
import { pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, memory, shrinks } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Snapshot } from "../snapshot.ts";

describe("a node that works on demand", () => {
  test("has a spot node bought for its pods, which says why, and stays until that is there", () => {
    expect(bought(given())).toEqual([["spot", 1, ["return-to-spot", "tier-share"]]]);
    const decision = decide(given());
    expect(grows(decision)[0]?.because[0]).toEqual({
      code: "return-to-spot",
      node: "o1",
      share: ratio(1),
      target: ratio(0),
    });
    expect(shrinks(decision)).toEqual([]);
    expect(holdCodes(decision, "od")).toContain("return-waits");
  });
  test("has no second one bought while the first is on its way", () => {
    const coming = spotPool({
      size: 1,
      instances: [{ id: "i-1", node: null, state: "booting", createdAt: epochMs(NOW - MINUTE) }],
    });
    const input = given({ policy: { pools: [coming, onDemand()] } });
    expect(bought(input)).toEqual([]);
    expect(gone(input)).toEqual([]);
  });
  test("is emptied once the spot node is there, without waiting for what its own adding would take", () => {
    const input = given({ nodes: [node("o1", { pool: "od" }), node("s1")] });
    expect(bought(input)).toEqual([]);
    expect(gone(input)).toEqual([["o1", "walk", "Return"]]);
  });
  test("shares one spot node with others that fit there, and each goes", () => {
    const nodes = ["o1", "o2", "o3"].map((name) => node(name, { pool: "od" }));
    const own = nodes.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 2 }));
    expect(bought(given({ nodes, pods: own }))).toEqual([["spot", 1, ["return-to-spot", "tier-share"]]]);
  });
  test("goes back in as many as the share asks for and no more", () => {
    const nodes = ["o1", "o2", "o3", "o4"].map((name) => node(name, { pool: "od" }));
    const own = nodes.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 8 }));
    const half = given({ policy: { spotInstancePercentage: 0.5 }, nodes, pods: own });
    expect(bought(half)).toEqual([["spot", 2, ["return-to-spot", "tier-share"]]]);
    expect(bought(given({ nodes, pods: own }))).toEqual([["spot", 4, ["return-to-spot", "tier-share"]]]);
  });
  test("waits for its turn where a disruption budget lets fewer go, before anything is bought", () => {
    const nodes = ["o1", "o2", "o3"].map((name) => node(name, { pool: "od" }));
    const own = nodes.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 8 }));
    const one = { ...OPEN, budgets: [{ nodes: 1 }] };
    expect(bought(given({ policy: { disruption: one }, nodes, pods: own }))).toEqual([
      ["spot", 1, ["return-to-spot", "tier-share"]],
    ]);
    const budgets = [{ key: "default/web", disruptionsAllowed: 1, pods: own.map(({ key }) => key) }];
    expect(bought(given({ nodes, pods: own, rest: { budgets } }))).toEqual([
      ["spot", 1, ["return-to-spot", "tier-share"]],
    ]);
  });
  test("gives way to pods that wait: they get the node, and its own pods the next one", () => {
    const own = [pod("web", { node: "o1" }), ...pods(1, "waits", { gpus: 8 })];
    const input = given({ pods: own });
    // The free GPUs of the on-demand node are seven, so both need a node of their own.
    expect(bought(input)).toEqual([["spot", 2, ["pending-pods", "return-to-spot", "tier-share"]]]);
  });
  test("keeps a pod that has just come to it", () => {
    const input = given({ pods: [pod("web", { node: "o1" }), pod("waits")] });
    expect(bought(input)).toEqual([]);
    expect(gone(input)).toEqual([]);
  });

  const movable = (options: PodOptions) => given({ pods: [pod("web", { node: "o1", ...options })] });
  test.each<[string, Snapshot]>([
    [
      "the policy waits for the end of its work",
      given({ policy: { spot: { ...REPLACES, returnPolicy: "WhenEmpty" } } }),
    ],
    [
      "the policy does not go back at all",
      given({ policy: { spot: { ...REPLACES, returnAfterSeconds: undefined } } }),
    ],
    ["spot failed to come within the time", given({ policy: { journal: { offerings: failedLately } } })],
    ["the node has come within the time", given({ nodes: [node("o1", { pool: "od", ageMs: 29 * MINUTE })] })],
    ["its share allows it", given({ policy: { spotInstancePercentage: 0 } })],
    ["so many GPUs are kept from spot", given({ policy: { spot: { ...REPLACES, onDemandFloorGpus: 8 } } })],
    ["spot costs hardly less", given({ policy: { pools: [spotPool(), onDemand(1.05)] } })],
    ["nobody knows what spot costs", given({ policy: { pools: [pool("spot"), onDemand()] } })],
    ["no spot node may be added", given({ policy: { pools: [spotPool({ maxSize: 0 }), onDemand()] } })],
    ["the policy is full", given({ policy: { maxNodes: 1 } })],
    ["removals are frozen", given({ policy: { disruption: { ...OPEN, freeze: true } } })],
    [
      "its last node would go below the minimum of its pool",
      given({
        policy: {
          pools: [
            spotPool(),
            pool("od", { capacityType: "on-demand", minSize: 1, fields: { price: { usdPerHour: 3 } } }),
          ],
        },
      }),
    ],
    ["nobody would make its pod again", movable({ owner: null })],
    ["a job would lose its work", movable({ owner: { uid: "j", kind: "Job" } })],
    ["its pod wants on-demand", movable({ nodeSelector: { "gpu-autoscaler.io/pool": "od" } })],
    ["a list is not complete", given({ rest: { sync: { kind: "unsynced", missing: ["pods"] } } })],
  ])("stays, and nothing is bought for it, while %s", (_why, input) => {
    expect(bought(input)).toEqual([]);
    expect(gone(input)).toEqual([]);
  });
  test("is bought for with one node at first where spot failed a while ago", () => {
    const nodes = ["o1", "o2"].map((name) => node(name, { pool: "od" }));
    const own = nodes.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 8 }));
    const offerings = failedLately.map((entry) => ({
      ...entry,
      lastAt: epochMs(NOW - 31 * MINUTE),
      until: epochMs(NOW - 30 * MINUTE),
    }));
    const [move] = grows(decide(given({ policy: { journal: { offerings } }, nodes, pods: own })));
    expect([move?.pool, move?.from, move?.to, move?.probe]).toEqual(["spot", 0, 1, true]);
  });
  test("is not bought for while the spot pool's last growth is not settled", () => {
    const journal = { lastUpAt: { spot: epochMs(NOW - SECOND) } };
    expect(bought(given({ policy: { journal, scaleUpCooldownSeconds: 60 } }))).toEqual([]);
  });
  test("keeps its pods' places out of the hands of emptiness: the spot node that waits for them stays", () => {
    const input = given({
      nodes: [node("o1", { pool: "od", unschedulable: true }), node("s1")],
      rest: { memory: memory({ s1: { emptyMs: HOUR } }) },
    });
    // What is cordoned is on its way out by another hand, and is not exchanged.
    expect(bought(input)).toEqual([]);
    const mine = given({
      nodes: [node("o1", { pool: "od" }), node("s1")],
      rest: { memory: memory({ s1: { emptyMs: HOUR } }) },
    });
    expect(gone(mine)).toEqual([["o1", "walk", "Return"]]);
  });
});
