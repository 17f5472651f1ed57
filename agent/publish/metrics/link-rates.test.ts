import { describe, expect, test } from "vitest";

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { aSample } from "../../../test/build/gpu.ts";
import { createLinkRates } from "./link-rates.ts";

/** Rates of GPU-0 after each cycle; `at` in seconds. */
function ratesOf(
  ...cycles: readonly (readonly [at: number, values: Partial<Record<GpuReadingName, number>>])[]
): readonly (number | undefined)[] {
  const rates = createLinkRates(millis(10_000));
  return cycles.map(([at, values]) => {
    rates.add({ at: epochMs(at * 1000), samples: [aSample(0, values)] });
    return rates.rates().get("GPU-0");
  });
}

describe("createLinkRates()", () => {
  test("gives the rate between two readings of the counters, and keeps it until the next", () => {
    const counted = { nvlinkTx: 1000, nvlinkRx: 0 };
    const later = { nvlinkTx: 5000, nvlinkRx: 1000 };
    expect(ratesOf([0, counted], [5, counted], [10, later], [15, later])).toEqual([
      undefined,
      undefined,
      500,
      500,
    ]);
  });

  test("is 0 once the counters were read again and stood still, and not held down by the silence after it", () => {
    const still = { nvlinkTx: 1000, nvlinkRx: 1000 };
    expect(ratesOf([0, still], [10, still], [21, still], [31, { nvlinkTx: 6000, nvlinkRx: 1000 }])).toEqual([
      undefined,
      undefined,
      0,
      500,
    ]);
  });

  test("knows nothing after counters that began anew, a clock that was set back, or no answer", () => {
    const counted = { nvlinkTx: 1000, nvlinkRx: 1000 };
    const later = { nvlinkTx: 2000, nvlinkRx: 1000 };
    expect(ratesOf([0, counted], [10, later], [20, counted])).toEqual([undefined, 100, undefined]);
    expect(ratesOf([100, counted], [110, later], [50, later])).toEqual([undefined, 100, undefined]);
    expect(ratesOf([0, counted], [10, {}], [20, later])).toEqual([undefined, undefined, undefined]);
  });

  test("takes the GPU's own rates where the driver has no counters", () => {
    expect(ratesOf([0, { gpmNvlinkTx: 30, gpmNvlinkRx: 12 }], [1, { gpmNvlinkTx: 30 }])).toEqual([
      42,
      undefined,
    ]);
  });
});
