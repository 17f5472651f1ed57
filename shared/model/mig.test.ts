import { describe, expect, test } from "vitest";

import { fitsTogether } from "../../test/build/mig.ts";
import { migProfileOf, mostOf } from "./mig.ts";

describe("mostOf()", () => {
  test.each([
    ["A100-40GB", "1g.5gb", 7],
    ["A100-40GB", "1g.10gb", 4],
    ["A100-80GB", "1g.10gb", 7],
    ["A100-80GB", "2g.20gb", 3],
    ["H100-80GB", "3g.40gb", 2],
    ["H100-80GB", "1g.10gb+me", 1],
    ["H100-94GB", "7g.94gb", 1],
    ["H200", "1g.35gb", 4],
    ["B200", "2g.45gb", 3],
    ["A30", "1g.6gb", 4],
    ["A30", "2g.12gb+me", 1],
  ] as const)("%s gives %s %i times", (model, profile, most) => {
    expect(mostOf(model, profile)).toBe(most);
  });

  test("is 0 for a profile that other cards have", () => {
    expect(mostOf("H100-80GB", "1g.5gb")).toBe(0);
  });

  test("is not known for a card without a table, and for a profile that no card of it has", () => {
    expect(mostOf("T4", "1g.5gb")).toBeNull();
    expect(mostOf("H100-80GB", "1g.10gb+gfx")).toBeNull();
    expect(mostOf("H100-80GB", "constructor")).toBeNull();
  });

  test("is the best of the sizes that a name without a size may mean", () => {
    expect([mostOf("A100", "1g.5gb"), mostOf("A100", "1g.10gb")]).toEqual([7, 7]);
  });

  test("reads the spelling of resource names", () => {
    expect(mostOf("A100-40GB", "1g.5gb.me")).toBe(1);
  });
});

describe("cutsOf(), by what one card gives at once", () => {
  test.each([
    // Presets of mig-parted, and layouts of NVIDIA's guide.
    [{ "1g.5gb": 7 }, true],
    [{ "1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1 }, true],
    [{ "3g.20gb": 1, "4g.20gb": 1 }, true],
    [{ "2g.10gb": 3, "1g.5gb": 1 }, true],
    [{ "4g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1 }, true],
    [{ "1g.10gb": 4 }, true],
    [{ "3g.20gb": 2 }, true],
    [{ "1g.5gb": 6, "1g.5gb+me": 1 }, true],
    [{}, true],
    // Slices that add up and have no legal place: the two halves leave none over, a seventh of compute or not.
    [{ "3g.20gb": 2, "1g.5gb": 1 }, false],
    [{ "4g.20gb": 1, "2g.10gb": 2 }, false],
    [{ "3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 3 }, false],
    [{ "4g.20gb": 2 }, false],
    [{ "7g.40gb": 1, "1g.5gb": 1 }, false],
    [{ "1g.5gb": 8 }, false],
    [{ "1g.5gb+me": 2 }, false],
    [{ "1g.5gb": -1 }, false],
    [{ "1g.5gb": Number.NaN }, false],
    [{ "1g.5gb": 1e9 }, false],
  ])("on an A100 of 40 GB %o: %o", (counts, fits) => {
    expect(fitsTogether("A100-40GB", counts)).toBe(fits);
  });

  test("profiles of an A30 share four slices and one set of media engines", () => {
    expect(fitsTogether("A30", { "2g.12gb": 1, "1g.6gb": 2 })).toBe(true);
    expect(fitsTogether("A30", { "2g.12gb": 1, "1g.6gb": 3 })).toBe(false);
    expect(fitsTogether("A30", { "2g.12gb+me": 1, "1g.6gb+me": 1 })).toBe(false);
  });

  test("profiles of two memory sizes are on no one card", () => {
    expect(fitsTogether("A100", { "1g.5gb": 1, "7g.80gb": 1 })).toBe(false);
    expect(fitsTogether("A100", { "1g.5gb": 1, "2g.10gb": 1 })).toBe(true);
  });

  test("is not judged where the table has nothing", () => {
    expect(fitsTogether("L40S", { "1g.5gb": 1 })).toBeNull();
    expect(fitsTogether("H100-80GB", { "1g.10gb": 1, "9g.1gb": 1 })).toBeNull();
  });
});

test("migProfileOf() reads a resource name", () => {
  expect(migProfileOf("nvidia.com/mig-1g.5gb.me")).toBe("1g.5gb+me");
  expect(migProfileOf("nvidia.com/gpu")).toBeNull();
});
