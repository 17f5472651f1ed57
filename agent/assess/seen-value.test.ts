import { describe, expect, test } from "vitest";

import { readingsOf, writeCode } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import type { GpuSample, MigInstance } from "../../shared/model/gpu.ts";
import { AMBIGUOUS, NO_DATA, NOT_SUPPORTED } from "../../shared/model/nvml-status.ts";
import { bytes } from "../../shared/model/units.ts";
import { aGpu, aSample, value } from "../../test/build/gpu.ts";
import { seenValue, utilizationFrom } from "./seen-value.ts";

function instance(n: number): MigInstance {
  return {
    uuid: `MIG-${n}`,
    gpuInstance: n,
    computeInstance: 0,
    profile: "1g.18gb",
    memoryTotalBytes: value(bytes(18 * 1024 ** 3)),
    computeSlices: value(1),
  };
}

/** A card in MIG mode whose instances have these shares; a negative number is the code that one answers with. */
function cut(...shares: readonly number[]) {
  const identity = aGpu(0, { mig: { kind: "on", instances: shares.map((_, n) => instance(n)) } });
  const readings = readingsOf({});
  writeCode(readings, "utilization", NOT_SUPPORTED);
  const instances = shares.map((share, n) => {
    const own = readingsOf({ gpmGraphicsActive: share });
    if (share < 0) writeCode(own, "gpmGraphicsActive", -share);
    return { uuid: `MIG-${n}`, readings: own };
  });
  return { identity, sample: aSample(0, {}, { readings, instances }) };
}

describe("seenValue() of a card in MIG mode", () => {
  test("is the utilisation of its busiest instance, and says that it comes from the card's counters", () => {
    const { identity, sample } = cut(0, 0.6, 0.1);
    expect(seenValue("utilization", sample, identity)).toEqual({ kind: "value", value: 0.6 });
    expect(utilizationFrom(identity.mig)).toBe("gpm");
  });

  test("is not known when one instance's is not, however busy the others are", () => {
    for (const [code, kind] of [
      [999, "failed"],
      [NOT_SUPPORTED, "unsupported"],
    ] as const) {
      const { identity, sample } = cut(0.9, -code, 0.1);
      expect(seenValue("utilization", sample, identity)).toEqual({ kind, code });
    }
  });

  test("is not known when a cycle has nothing of an instance, and minds one that the list does not have yet", () => {
    const { identity, sample } = cut(0, 0);
    const half: GpuSample = { ...sample, instances: sample.instances.slice(1) };
    expect(seenValue("utilization", half, identity)).toEqual({ kind: "failed", code: NO_DATA });
    const [first, ...rest] = sample.instances;
    if (first === undefined) throw new Error("an instance");
    const newcomer = { uuid: "MIG-9", readings: readingsOf({ gpmGraphicsActive: 0.8 }) };
    const more: GpuSample = { ...sample, instances: [first, ...rest, newcomer] };
    expect(seenValue("utilization", more, identity)).toEqual({ kind: "value", value: 0.8 });
  });

  test("is unsupported while nothing has been cut, even if the driver gave a number", () => {
    const { identity } = cut();
    const sample = aSample(0, { utilization: 0 });
    expect(seenValue("utilization", sample, identity)).toEqual({ kind: "unsupported", code: NOT_SUPPORTED });
  });

  test("is the driver's own where MIG is off, not there, or could not be asked", () => {
    for (const mig of [{ kind: "off" }, { kind: "unsupported" }, { kind: "failed", code: 999 }] as const) {
      expect(seenValue("utilization", aSample(0, { utilization: 0.4 }), aGpu(0, { mig }))).toMatchObject({
        value: 0.4,
      });
      expect(utilizationFrom(mig)).toBe("driver");
    }
    expect(seenValue("utilization", aSample(0, { utilization: 0.4 }), undefined)).toMatchObject({
      value: 0.4,
    });
  });
});

describe("seenValue() of what cannot be true", () => {
  const failed = { kind: "failed", code: NO_DATA } as const;
  const total = 143_771 * 1024 * 1024;
  const cases: readonly [GpuReadingName, Parameters<typeof seenValue>[0], number, object][] = [
    ["utilization", "utilization", 1.03, { kind: "value", value: 1 }],
    ["utilization", "utilization", -0.1, failed],
    ["utilization", "utilization", Number.NaN, failed],
    ["gpmSmActive", "smActive", 1.000_3, { kind: "value", value: 1 }],
    ["gpmTensorActive", "tensorActive", Number.POSITIVE_INFINITY, failed],
    ["memoryUsed", "memoryUsed", total, { kind: "value", value: total }],
    ["memoryUsed", "memoryUsed", total + 1, failed],
    ["memoryUsed", "memoryUsed", -1, failed],
    ["temperature", "temperature", -5, { kind: "value", value: -5 }],
    ["power", "power", Number.NaN, failed],
  ];
  test.each(cases)("%s as %s of %d", (reading, field, number, answer) => {
    expect(seenValue(field, aSample(0, { [reading]: number }), aGpu(0))).toEqual(answer);
  });

  test("memory is taken as it is where the card does not tell how much it has", () => {
    const nameless = aGpu(0, { memoryTotalBytes: { kind: "failed", code: 999 } });
    expect(seenValue("memoryUsed", aSample(0, { memoryUsed: 2 * total }), nameless).kind).toBe("value");
  });

  test("a counter that cannot be told apart is unsupported and no number", () => {
    const readings = readingsOf({});
    writeCode(readings, "power", AMBIGUOUS);
    expect(seenValue("power", aSample(0, {}, { readings }), aGpu(0)).kind).toBe("unsupported");
  });
});
