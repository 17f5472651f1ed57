import { describe, expect, test } from "vitest";

import { millis } from "../shared/model/units.ts";
import { FIRST_PACE, learned, workUnitsOf } from "./calibrate.ts";
import type { Pace } from "./calibrate.ts";

/** The pace after so many decisions that all went at the same speed. */
function after(decisions: number, unitsPerSecond: number, from: Pace = FIRST_PACE): Pace {
  let pace = from;
  for (let n = 0; n < decisions; n++) pace = learned(pace, { units: unitsPerSecond / 2, ms: millis(500) });
  return pace;
}

describe("workUnitsOf()", () => {
  test("gives two seconds' worth, from the first decision on", () => {
    expect(workUnitsOf(FIRST_PACE)).toBe(1_000_000);
    expect(workUnitsOf({ unitsPerSecond: 7_000_000 })).toBe(14_000_000);
  });

  test("leaves enough to pack something and learn from it, however slow the machine seems", () => {
    const slow = after(50, 50_000, { unitsPerSecond: 1 });
    expect(workUnitsOf(slow)).toBe(100_000);
    expect(learned(slow, { units: workUnitsOf(slow), ms: millis(100) }).unitsPerSecond).toBeGreaterThan(
      300_000,
    );
  });
});

describe("learned()", () => {
  test("comes to the speed of the machine, faster or slower than the first guess", () => {
    for (const speed of [5_000_000, 100_000])
      expect(after(20, speed).unitsPerSecond / speed).toBeCloseTo(1, 1);
  });

  test("takes one decision that stood still for a third of what it was", () => {
    const steady = after(50, 5_000_000);
    const paused = learned(steady, { units: 2_500_000, ms: millis(60_000) });
    expect(paused.unitsPerSecond / steady.unitsPerSecond).toBeCloseTo(0.7, 1);
  });

  test.each([
    ["with too little work", { units: 19_999, ms: millis(1) }],
    ["that took no time on this clock", { units: 1_000_000, ms: millis(0) }],
    ["with a time that is none", { units: 1_000_000, ms: Number.NaN as ReturnType<typeof millis> }],
  ])("learns nothing from a decision %s", (_, worked) => {
    expect(learned(FIRST_PACE, worked)).toBe(FIRST_PACE);
  });
});
