import { describe, expect, test } from "vitest";

import { pod, pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions, PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";

/** The pools in the order in which pods of 8 GPUs fill them, one node each. */
function order(pools: Readonly<Record<string, PoolOptions>>, spec: PolicyOptions = {}, gpus = 8): string[] {
  const names: string[] = [];
  for (let asked = 1; asked <= Object.keys(pools).length; asked++) {
    const built = Object.entries(pools).map(([name, options]) =>
      pool(name, { maxSize: names.includes(name) ? 0 : 1, ...options }),
    );
    const [grow] = grows(
      decide(snapshot({ policies: [policy({ ...spec, pools: built })], pods: [pod("p", { gpus })] })),
    );
    if (grow !== undefined) names.push(grow.pool);
  }
  return names;
}

describe("the order of pools", () => {
  test("is spot, on-demand, reserved", () => {
    expect(order({ a: { capacityType: "reserved" }, b: { capacityType: "on-demand" }, c: {} })).toEqual([
      "c",
      "b",
      "a",
    ]);
  });

  test("is the operator's priority before the tier", () => {
    expect(order({ spot: {}, od: { capacityType: "on-demand", priority: 5 } })).toEqual(["od", "spot"]);
  });

  test("wastes the fewest GPUs among equals", () => {
    expect(order({ a: { gpus: 8 }, b: { gpus: 4 } }, {}, 4)).toEqual(["b", "a"]);
  });

  test("is the name when nothing else tells them apart", () => {
    expect(order({ b: {}, a: {} })).toEqual(["a", "b"]);
  });

  test("leaves spot out when it is switched off", () => {
    expect(order({ spot: {}, od: { capacityType: "on-demand" } }, { enableSpotInstances: false })).toEqual([
      "od",
    ]);
  });

  test("is last for a policy that only recommends: a pod must not wait for a node that nobody will buy", () => {
    const policies = [
      policy({ name: "advice", mode: "Recommend", pools: [pool("a", { priority: 9 })] }),
      policy({ name: "works", pools: [pool("b", { capacityType: "on-demand", maxSize: 1 })] }),
    ];
    const growing = (count: number) =>
      grows(decide(snapshot({ policies, pods: pods(count, "p", { gpus: 8 }) }))).map(
        (move) => `${move.pool} ${move.to}`,
      );
    expect(growing(1)).toEqual(["b 1"]);
    expect(growing(2)).toEqual(["a 1", "b 1"]);
  });

  test("stays in the preferred tier when multi-tier scaling is switched off", () => {
    const policies = [
      policy({
        enableMultiTierScaling: false,
        pools: [pool("od", { capacityType: "on-demand" }), pool("spot", { maxSize: 1, size: 1 })],
      }),
    ];
    const decision = decide(snapshot({ policies, pods: [pod("p", { gpus: 8 }), pod("q", { gpus: 8 })] }));
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision, "od")).toEqual(["tier-disabled"]);
  });
});
