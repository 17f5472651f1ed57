// For any run of cycles: unpacked is what was packed, and a cycle in which nothing changed says so in a few bytes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { emptyReadings, GPU_READING_NAMES, READING_AT } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuSample } from "../../../shared/model/gpu.ts";
import { NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { bytes } from "../../../shared/model/units.ts";
import { aSample } from "../../../test/build/gpu.ts";
import type { GpuChanges } from "./capture-schema.ts";
import { createPacker, createUnpacker } from "./deltas.ts";

const aValue = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat());
const aReading = fc.record({
  at: fc.nat({ max: GPU_READING_NAMES.length - 1 }),
  code: fc.constantFrom(SUCCESS, SUCCESS, SUCCESS, -2, -1, 3, 15, 999),
  value: aValue,
});
const someReadings: fc.Arbitrary<GpuReadings> = fc.array(aReading, { maxLength: 12 }).map((rows) => {
  const readings = emptyReadings();
  for (const { at, code, value } of rows) {
    // -0 and 0 are one number in JSON.
    readings.values[at] = code === SUCCESS ? value + 0 : Number.NaN;
    readings.codes[at] = code;
  }
  return readings;
});
const aProcess = fc.record({
  pid: fc.nat(),
  kind: fc.constantFrom("compute", "graphics", "mps"),
  memoryBytes: fc.option(fc.nat().map(bytes)),
  gpuInstance: fc.option(fc.nat()),
  computeInstance: fc.option(fc.nat()),
});
const aSampleOf = (uuid: string): fc.Arbitrary<GpuSample> =>
  fc.record({
    uuid: fc.constant(uuid),
    state: fc.constantFrom("present", "lost"),
    readings: someReadings,
    instances: fc.uniqueArray(
      fc.record({ uuid: fc.constantFrom("MIG-1", "MIG-2", "MIG-3"), readings: someReadings }),
      { selector: ({ uuid: of }) => of, maxLength: 3 },
    ),
    processes: fc.option(fc.array(aProcess, { maxLength: 2 })),
  });
const aCycle = fc.subarray(["GPU-0", "GPU-1"]).chain((uuids) => fc.tuple(...uuids.map(aSampleOf)));

describe("pack() and unpack()", () => {
  test("give back any run of cycles, through JSON", () => {
    fc.assert(
      fc.property(fc.array(aCycle, { maxLength: 6 }), (cycles) => {
        const packer = createPacker();
        const unpacker = createUnpacker();
        for (const samples of cycles) {
          const packed = JSON.parse(JSON.stringify(packer.pack(samples))) as GpuChanges[];
          expect(unpacker.unpack(packed)).toEqual(samples);
        }
      }),
    );
  });

  test("say nothing of what did not change", () => {
    const packer = createPacker();
    expect(packer.pack([aSample(0, { utilization: 0.5, power: 70 })])).toEqual([
      { uuid: "GPU-0", readings: { utilization: 0.5, power: 70 } },
    ]);
    expect(packer.pack([aSample(0, { utilization: 0.6, power: 70 })])).toEqual([
      { uuid: "GPU-0", readings: { utilization: 0.6 } },
    ]);
    expect(packer.pack([aSample(0, { utilization: 0.6, power: 70 })])).toEqual([{ uuid: "GPU-0" }]);
    expect(packer.pack([aSample(0, { utilization: 0.6 })])).toEqual([
      { uuid: "GPU-0", readings: { power: "code -1" } },
    ]);
  });

  test("are not fooled by rows that the sampler fills again", () => {
    const packer = createPacker();
    const sample = aSample(0, { utilization: 0.5 });
    packer.pack([sample]);
    sample.readings.values[READING_AT.utilization] = 0.9;
    expect(packer.pack([sample])).toEqual([{ uuid: "GPU-0", readings: { utilization: 0.9 } }]);
  });

  test("write no number for a reading that is none", () => {
    const packed = createPacker().pack([aSample(0, { power: Number.POSITIVE_INFINITY })]);
    expect(packed).toEqual([{ uuid: "GPU-0", readings: { power: `code ${NO_DATA}` } }]);
  });

  test("refuse a reading that nobody knows", () => {
    const unpack = createUnpacker().unpack;
    expect(() => unpack([{ uuid: "GPU-0", readings: { warpDrive: 1 } }])).toThrow(/warpDrive is no reading/);
    expect(() => unpack([{ uuid: "GPU-0", readings: { toString: 1 } }])).toThrow(/toString is no reading/);
  });
});
