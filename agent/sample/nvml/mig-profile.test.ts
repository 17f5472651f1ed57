import { describe, expect, test } from "vitest";

import { profileInName, profileOf } from "./mig-profile.ts";

const MIB = 1_048_576;

/** About what these cards report. */
const A100_40 = 40_536 * MIB;
const H100_80 = 81_559 * MIB;
const H200 = 143_771 * MIB;

describe("profileOf()", () => {
  test.each([
    ["1g.18gb", H200, 1, 1, 16_384, 0],
    ["1g.18gb+me", H200, 1, 1, 16_384, 1],
    ["1g.35gb", H200, 1, 1, 33_280, 0],
    ["2g.35gb", H200, 2, 2, 33_280, 0],
    ["3g.71gb", H200, 3, 3, 71_424, 0],
    ["1c.3g.71gb", H200, 3, 1, 71_424, 0],
    ["4g.71gb", H200, 4, 4, 71_424, 0],
    ["7g.141gb", H200, 7, 7, 143_167, 1],
    ["1g.10gb", H100_80, 1, 1, 9_856, 0],
    ["1g.20gb", H100_80, 1, 1, 19_968, 0],
    ["2c.4g.40gb", H100_80, 4, 2, 40_320, 0],
    ["7g.80gb", H100_80, 7, 7, 80_640, 1],
    ["1g.5gb", A100_40, 1, 1, 4_864, 0],
    ["1g.5gb+me", A100_40, 1, 1, 4_864, 1],
    ["7g.40gb", A100_40, 7, 7, 40_192, 1],
  ])("says %s", (profile, card, gpuSlices, computeSlices, memoryMib, ofaEngines) => {
    expect(profileOf({ gpuSlices, computeSlices, memoryBytes: memoryMib * MIB, ofaEngines }, card)).toBe(
      profile,
    );
  });

  test.each([
    ["no slices", { gpuSlices: 0, computeSlices: 1, memoryBytes: MIB, ofaEngines: 0 }],
    ["no memory", { gpuSlices: 1, computeSlices: 1, memoryBytes: 0, ofaEngines: 0 }],
    ["more memory than the card", { gpuSlices: 1, computeSlices: 1, memoryBytes: H200 + MIB, ofaEngines: 0 }],
  ])("gives no name to %s", (_, shape) => {
    expect(profileOf(shape, H200)).toBeNull();
  });
});

describe("profileInName()", () => {
  test.each([
    ["NVIDIA H200 MIG 1g.18gb", "1g.18gb"],
    ["NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb", "1c.3g.20gb"],
    ["NVIDIA H100 80GB HBM3 MIG 1g.10gb+me", "1g.10gb+me"],
    ["NVIDIA H200", null],
    ["NVIDIA H200 MIG", null],
  ])("finds in %j %j", (name, profile) => {
    expect(profileInName(name)).toBe(profile);
  });
});
