import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { lastXids, sameXids } from "./health.ts";

const told = (gpu: string | null, xid: number, at: number) => ({
  gpu,
  xid,
  class: "fatal" as const,
  count: 1,
  lastAt: epochMs(at),
});

describe("lastXids()", () => {
  test("takes the latest of each GPU, in whatever order they stand, and none that belongs to no GPU", () => {
    const xids = [told("GPU-0", 79, 5), told("GPU-0", 13, 3), told("GPU-1", 48, 1), told(null, 62, 9)];
    expect([...lastXids(xids)]).toEqual([
      ["GPU-0", 79],
      ["GPU-1", 48],
    ]);
  });
});

describe("sameXids()", () => {
  test("compares what lists say and not which they are", () => {
    const list = [told("GPU-0", 79, 5)];
    expect(sameXids(list, [told("GPU-0", 79, 5)])).toBe(true);
    expect(sameXids(list, [told("GPU-0", 79, 6)])).toBe(false);
    expect(sameXids(list, [told("GPU-0", 48, 5)])).toBe(false);
    expect(sameXids(list, [...list, told("GPU-1", 79, 5)])).toBe(false);
    expect(sameXids(list, [])).toBe(false);
  });
});
