import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { gpuReportSchema, written } from "./gpu-report.ts";
import type { GpuReport, ReportedGpu, ReportedWindow } from "./gpu-report.ts";

function recorded(file: string): GpuReport {
  const url = new URL(`../../test/golden/messages/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { message: GpuReport }).message;
}

/** A report as it was written in version 1, with everything left out that may be. */
const SHORT = {
  v: 1,
  node: "spot-1",
  at: 1_793_692_800_000,
  seq: 7,
  source: { state: "ready", driver: "580.159.04" },
  gpus: [
    {
      uuid: "GPU-a",
      name: "NVIDIA H200",
      memoryTotalBytes: 150_754_820_096,
      utilization: { w10: [0.1, 0.2, 0.2, 1, 300], w60: [0.2, 0.4, 0.3, 0.9, 300], w600: "no-samples" },
      memoryUsedBytes: [1, 2, 3],
      temperatureCelsius: "failed",
      powerWatts: [80, 90, 85, 0.5, 4300],
      smActive: [0.1, 0.1, 0.1],
      pods: ["ml/train-0/main"],
    },
    {
      uuid: "GPU-b",
      utilization: { w10: "unsupported", w60: "unsupported", w600: "unsupported" },
      memoryUsedBytes: [4, 5, 6, 0.9, 300],
      temperatureCelsius: [30, 31, 31, 0.9, 300],
      powerWatts: "unsupported",
      pods: 0,
    },
  ],
};

describe("gpuReportSchema", () => {
  test("fills in what a written report leaves out", () => {
    const { gpus } = gpuReportSchema.parse(SHORT);
    const [first, second] = SHORT.gpus;
    expect(gpus).toEqual([
      {
        ...first,
        index: 0,
        state: "present",
        memoryUsedBytes: [1, 2, 3, 0.9, 300],
        smActive: [0.1, 0.1, 0.1, 0.9, 300],
      },
      {
        ...second,
        index: 1,
        state: "present",
        name: "NVIDIA H200",
        memoryTotalBytes: 150_754_820_096,
        pods: ["ml/train-0/main"],
      },
    ]);
  });

  test("refuses what it would have to invent", () => {
    const [first, second] = SHORT.gpus;
    const bad = [
      [{ ...second, pods: [], powerWatts: [1, 2, 3] }],
      [{ ...first, pods: 0 }],
      [first, { ...second, pods: 1 }],
      [first, { ...second, pods: 2 }],
      [{ ...first, pods: undefined }, second],
      [first, second, { ...second, pods: 1 }],
    ];
    for (const gpus of bad) expect(gpuReportSchema.safeParse({ ...SHORT, gpus }).success).toBe(false);
    expect(
      gpuReportSchema.safeParse({ ...SHORT, gpus: [{ ...first, name: undefined }] }).data?.gpus,
    ).toMatchObject([{ name: null }]);
  });
});

describe("written()", () => {
  test.each(["report-v1.json", "report-v1-full.json"])("%s is read as the same, and is shorter", (file) => {
    const report = recorded(file);
    const short = written(report);
    expect(gpuReportSchema.parse(short)).toEqual(report);
    expect(JSON.stringify(short).length).toBeLessThan(JSON.stringify(report).length);
  });

  test("a GPU that differs from the one before it says so", () => {
    const report = recorded("report-v1-full.json");
    const [first] = report.gpus;
    if (first === undefined) throw new Error("a GPU");
    const gpus = [
      first,
      { ...first, index: 4, memoryTotalBytes: 1 },
      { ...first, index: 2, name: null, pods: ["ml/other/main"] },
      { ...first, index: 3, state: "lost" as const },
    ];
    expect(gpuReportSchema.parse(written({ ...report, gpus }))).toEqual({ ...report, gpus });
  });

  test("any list of GPUs is read as the same", () => {
    const few = fc.integer({ min: 0, max: 2 });
    const window = fc.oneof(
      fc.constantFrom<ReportedWindow>("no-samples", "unsupported", "failed", "lost"),
      fc.tuple(few, few, few, fc.constantFrom(0, 0.5, 1), few).map((numbers): ReportedWindow => [...numbers]),
    );
    const pods = fc.array(fc.constantFrom("a/b/c", "a/b/d"), { maxLength: 2 });
    const required = {
      index: few,
      uuid: fc.constantFrom("GPU-a", "GPU-b"),
      name: fc.constantFrom(null, "NVIDIA H200", "Tesla T4"),
      memoryTotalBytes: fc.constantFrom(null, 0, 1024),
      state: fc.constantFrom("present" as const, "lost" as const),
      utilization: fc.record({ w10: window, w60: window, w600: window }),
      memoryUsedBytes: window,
      temperatureCelsius: window,
      powerWatts: window,
    };
    const gpu: fc.Arbitrary<ReportedGpu> = fc.record(
      { ...required, smActive: window, tensorActive: window, pods },
      { requiredKeys: Object.keys(required) as (keyof typeof required)[] },
    );
    const base = recorded("report-v1.json");
    fc.assert(
      fc.property(fc.array(gpu, { maxLength: 6 }), (gpus) => {
        const report: GpuReport = { ...base, gpus };
        expect(gpuReportSchema.parse(JSON.parse(JSON.stringify(written(report))))).toEqual(report);
      }),
      { numRuns: 500 },
    );
  });
});
