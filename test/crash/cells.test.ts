import { describe, expect, test } from "vitest";

import {
  allCells,
  DEEDS,
  nameOfCell,
  nameOfPoint,
  phasesOf,
  pointsOf,
  sampleCells,
  TROUBLES,
} from "./cells.ts";

describe("the crash matrix", () => {
  test("cuts at each write of the journal and in the call", () => {
    expect(phasesOf("grow")).toEqual(["intended", "applied"]);
    expect(phasesOf("drain")).toEqual(["intended", "draining", "applied"]);
    expect(pointsOf("grow").map(nameOfPoint)).toEqual([
      "before intended",
      "after intended",
      "in the call",
      "before applied",
      "after applied",
    ]);
    expect(pointsOf("drain")).toHaveLength(7);
  });

  test("has each deed with each point and each trouble once", () => {
    const cells = allCells();
    expect(cells).toHaveLength((4 * 5 + 7) * TROUBLES.length);
    expect(new Set(cells.map(nameOfCell)).size).toBe(cells.length);
  });

  test("samples evenly and by the seed alone", () => {
    const sample = sampleCells(60, 7);
    expect(sample).toEqual(sampleCells(60, 7));
    expect(new Set(sample.map(nameOfCell)).size).toBe(60);
    for (const deed of DEEDS) {
      const share = sample.filter((cell) => cell.deed === deed).length;
      expect(share).toBeGreaterThanOrEqual(8);
      expect(share).toBeLessThanOrEqual(16);
    }
    for (const trouble of TROUBLES)
      expect(sample.filter((cell) => cell.trouble === trouble).length).toBeGreaterThanOrEqual(10);
    expect(sampleCells(60, 8)).not.toEqual(sample);
  });
});
