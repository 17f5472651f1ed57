import { describe, expect, test } from "vitest";

import type { CapacityType } from "../../../shared/model/node.ts";
import { policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { divide, targetsOf } from "./shares.ts";
import type { ByTier } from "./shares.ts";

const ALL: readonly CapacityType[] = ["spot", "on-demand", "reserved"];
const NONE: ByTier = { spot: 0, "on-demand": 0, reserved: 0 };

function targets(spec: PolicyOptions, tiers: readonly CapacityType[] = ALL, spotLess = 0): readonly number[] {
  const aims = targetsOf(policy(spec).spec, tiers, spotLess);
  return ALL.map((tier) => Number(aims[tier].toFixed(6)));
}

describe("targets", () => {
  test.each<[string, PolicyOptions, readonly CapacityType[], number, readonly number[]]>([
    ["what spot leaves is split 7 : 1", {}, ALL, 0, [0.6, 0.35, 0.05]],
    ["A61: 80 spot, 20 on-demand", { spotInstancePercentage: 0.8 }, ["spot", "on-demand"], 0, [0.8, 0.2, 0]],
    [
      "A61, with the share of on-demand written",
      { spotInstancePercentage: 0.8, onDemandPercentage: 0.2 },
      ALL,
      0,
      [0.8, 0.2, 0],
    ],
    [
      "only reserved is left open",
      { spotInstancePercentage: 0.5, onDemandPercentage: 0.3 },
      ALL,
      0,
      [0.5, 0.3, 0.2],
    ],
    [
      "only on-demand is left open",
      { spotInstancePercentage: 0.5, reservedPercentage: 0.1 },
      ALL,
      0,
      [0.5, 0.4, 0.1],
    ],
    ["a tier that is not there leaves its part to the others", {}, ["spot", "reserved"], 0, [0.6, 0, 0.4]],
    ["that of spot too", {}, ["on-demand", "reserved"], 0, [0, 0.875, 0.125]],
    ["one tier has all", {}, ["on-demand"], 0, [0, 1, 0]],
    [
      "tiers that are due nothing share what there is",
      { spotInstancePercentage: 1 },
      ["on-demand", "reserved"],
      0,
      [0, 0.875, 0.125],
    ],
    [
      "also where they are written",
      { spotInstancePercentage: 1, onDemandPercentage: 0, reservedPercentage: 0 },
      ["on-demand", "reserved"],
      0,
      [0, 0.5, 0.5],
    ],
    ["no tier, no share", {}, [], 0, [0, 0, 0]],
    ["ten points less spot", {}, ALL, 0.1, [0.5, 0.4375, 0.0625]],
    [
      "ten points less spot, where the others are written: they keep their proportion",
      { spotInstancePercentage: 0.6, onDemandPercentage: 0.3, reservedPercentage: 0.1 },
      ALL,
      0.1,
      [0.5, 0.375, 0.125],
    ],
    ["never below none", { spotInstancePercentage: 0.05 }, ["spot", "on-demand"], 0.1, [0, 1, 0]],
  ])("%s", (_name, spec, tiers, spotLess, expected) => {
    expect(targets(spec, tiers, spotLess)).toEqual(expected);
  });
});

describe("what each tier is due", () => {
  const shares = targetsOf(policy().spec, ALL);
  const due = (have: Partial<ByTier>, wanted: number, floor = 0, tiers = ALL): readonly string[] =>
    divide({ ...NONE, ...have }, shares, { tiers, wanted, floor }).map(({ tier, gpus }) => `${tier} ${gpus}`);

  test("F12: from zero, 60/35/5", () => {
    expect(due({}, 160)).toEqual(["spot 96", "on-demand 56", "reserved 8"]);
  });

  test("nothing wanted is divided into nothing", () => {
    expect(due({}, 0)).toEqual(["spot 0", "on-demand 0", "reserved 0"]);
  });

  test("the one that is most behind comes first", () => {
    expect(due({ spot: 80 }, 20)).toEqual(["on-demand 18", "reserved 2", "spot 0"]);
  });

  test("whole GPUs, which add up to what is wanted", () => {
    expect(due({}, 8)).toEqual(["spot 5", "on-demand 3", "reserved 0"]);
    expect(due({}, 1)).toEqual(["spot 1", "on-demand 0", "reserved 0"]);
  });

  test("a floor of nodes that stay comes before the shares", () => {
    expect(due({}, 8, 16)[0]).toBe("on-demand 7");
    expect(due({}, 40, 32)).toEqual(["on-demand 28", "reserved 4", "spot 8"]);
    expect(due({ "on-demand": 32 }, 40, 32)).toEqual(["spot 37", "reserved 3", "on-demand 0"]);
  });

  test("a floor that no tier can hold is nobody's", () => {
    expect(due({}, 8, 16, ["spot"])).toEqual(["spot 8"]);
  });
});

test("nodes of eight GPUs, one after the other, come near the shares at each size", () => {
  const aims = targetsOf(policy().spec, ALL);
  const have = { ...NONE };
  for (let nodes = 1; nodes <= 100; nodes++) {
    const [first] = divide(have, aims, { tiers: ALL, wanted: 8, floor: 0 });
    if (first === undefined) throw new Error("no tier");
    have[first.tier] += 8;
    for (const tier of ALL) expect(Math.abs(have[tier] - aims[tier] * 8 * nodes)).toBeLessThanOrEqual(8);
  }
  expect(have).toEqual({ spot: 480, "on-demand": 280, reserved: 40 });
});
