// How readings read.

import { describe, expect, test } from "vitest";

import { bytesText, factText, readingText } from "./value-text.ts";

describe("readingText()", () => {
  test.each([
    ["utilization", 0.5, "50 %"],
    ["gpmDramActive", 0.000_556, "0.1 %"],
    ["memoryUsed", 0, "0 B"],
    ["memoryUsed", 1_023, "1,023 B"],
    ["memoryUsed", 85_520_809_984, "79.6 GiB"],
    ["temperature", -4, "-4 °C"],
    ["power", 700.003, "700 W"],
    ["smClock", 1_980_000_000, "1,980 MHz"],
    ["throttledPower", 3.079_350_624, "3.079 s"],
    ["gpmPcieRx", 3.5 * 1024 * 1024, "3.5 MiB/s"],
    ["energy", 4_707.81, "4,708 J"],
    ["clockEventReasons", 4, "0x4"],
    ["pcieReplays", 1, "1"],
    ["power", "unsupported (3)", "unsupported: NOT_SUPPORTED (3)"],
    ["power", "failed (15)", "failed: GPU_IS_LOST (15)"],
    ["pcieTx", "unsupported (-2)", "unsupported: AMBIGUOUS (-2)"],
    ["power", "pending", "pending"],
    ["power", undefined, ""],
  ])("%s %s: %s", (name, told, text) => {
    expect(readingText(name, told)).toBe(text);
  });
});

describe("factText() and bytesText()", () => {
  test("know the units of details, and leave texts as they are", () => {
    expect(factText("powerLimitMax", 700)).toBe("700 W");
    expect(factText("smClockMax", 1_980_000_000)).toBe("1,980 MHz");
    expect(factText("minor", 0)).toBe("0");
    expect(factText("gpm", true)).toBe("yes");
    expect(factText("serial", "1650000000001")).toBe("1650000000001");
    expect(factText("numaNode", "unsupported (3)")).toBe("unsupported: NOT_SUPPORTED (3)");
    expect(bytesText("failed (999)")).toBe("failed: UNKNOWN (999)");
  });
});
