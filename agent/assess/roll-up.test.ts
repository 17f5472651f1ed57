import { describe, expect, test } from "vitest";

import type { Window, Windows } from "../../shared/model/gpu.ts";
import { millis, ratio } from "../../shared/model/units.ts";
import { rollUp } from "./roll-up.ts";

const all = (window: Window): Windows => ({ w10: window, w60: window, w600: window });

function known(mean: number, max: number, p95: number, coverage: number, ageMs: number): Window {
  return { kind: "known", mean, max, p95, coverage: ratio(coverage), ageMs: millis(ageMs) };
}

describe("rollUp()", () => {
  test("is the mean of the means, and for the rest what claims least", () => {
    const { gpus, utilization } = rollUp([
      all(known(0.2, 0.9, 0.3, 1, 100)),
      all(known(0.6, 0.7, 0.65, 0.8, 900)),
    ]);
    expect(gpus).toBe(2);
    expect(utilization.w60).toEqual(known(0.4, 0.9, 0.65, 0.8, 900));
  });

  test("counts an idle GPU as one", () => {
    const { utilization } = rollUp([all(known(0.8, 0.8, 0.8, 1, 0)), all(known(0, 0, 0, 1, 0))]);
    expect(utilization.w10).toMatchObject({ mean: 0.4 });
  });

  test("knows nothing of a span as soon as one GPU knows nothing of it", () => {
    const seen = known(0.2, 0.2, 0.2, 1, 0);
    const { gpus, utilization } = rollUp([
      all(seen),
      { ...all(seen), w10: { kind: "unknown", because: "failed" } },
    ]);
    expect(gpus).toBe(2);
    expect(utilization.w10).toEqual({ kind: "unknown", because: "failed" });
    expect(utilization.w60.kind).toBe("known");
  });

  test("of no GPU is no number", () => {
    expect(rollUp([])).toEqual({ gpus: 0, utilization: all({ kind: "unknown", because: "no-samples" }) });
  });
});
