// The tables that a person looks at first.

import { describe, expect, test } from "vitest";

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { gpuTable, instanceRows, podRows } from "./gpu-table.ts";

type Gpu = NodeDetail["gpus"][number];

function aDetail(index: number, more: Partial<Gpu> = {}): Gpu {
  return {
    index,
    uuid: `GPU-${index}`,
    name: "NVIDIA H200",
    busId: null,
    state: "present",
    memoryTotalBytes: 2 * 1024 ** 3,
    details: {},
    readings: { utilization: 0.5, memoryUsed: 1024 ** 3, temperature: 40, power: 300 },
    mig: "off",
    processes: null,
    ...more,
  };
}

describe("gpuTable()", () => {
  test("shows what is not there as such: a lost card, what failed, what a card cannot tell", () => {
    const failed = { utilization: "failed (999)", memoryUsed: "unsupported (3)", temperature: "pending" };
    expect(
      gpuTable([
        aDetail(0),
        aDetail(1, {
          state: "lost",
          name: null,
          memoryTotalBytes: "failed (15)",
          readings: { power: "failed (15)" },
        }),
        aDetail(2, { readings: failed }),
      ]).split("\n"),
    ).toEqual([
      "  GPU  NAME         STATE    UTIL    MEMORY          TEMP   POWER  UUID",
      "  0    NVIDIA H200  present  50 %    1.0 of 2.0 GiB  40 °C  300 W  GPU-0",
      "  1    unknown      LOST     -       -               -      -      GPU-1",
      "  2    NVIDIA H200  present  failed  - of 2.0 GiB    -      -      GPU-2",
    ]);
  });

  test("has a column for cuts only where a card is cut, and a line for each instance", () => {
    const instance = {
      uuid: "MIG-a",
      gpuInstance: 3,
      computeInstance: 1,
      profile: "1g.18gb",
      memoryTotalBytes: 1024 ** 3,
      readings: { memoryUsed: 0, gpmSmActive: 0.25, gpmTensorActive: "failed (3)" },
    };
    const gpus = [aDetail(0, { mig: { instances: [instance] } }), aDetail(1, { mig: "failed (999)" })];
    expect(
      gpuTable(gpus)
        .split("\n")
        .map((line) => line.split(/ {2,}/).at(-2)),
    ).toEqual(["MIG", "1", "failed"]);
    expect(instanceRows(gpus)[1]).toEqual([
      "0",
      "3/1",
      "1g.18gb",
      "0.0 of 1.0 GiB",
      "25 %",
      "failed",
      "-",
      "MIG-a",
    ]);
  });
});

describe("podRows()", () => {
  test("names the GPU by its number, and says where there is none", () => {
    const holder = {
      namespace: "ml",
      pod: "train-0",
      container: "main",
      resource: "nvidia.com/gpu",
      device: "GPU-0::2",
      gpu: "GPU-0",
      instance: null,
      replica: 2,
    };
    const holders = [holder, { ...holder, gpu: null }];
    expect(podRows({ gpus: [aDetail(0)], allocation: { kind: "known", holders } })).toEqual([
      ["ml/train-0/main", "nvidia.com/gpu", "GPU 0", "GPU-0::2"],
      ["ml/train-0/main", "nvidia.com/gpu", "no GPU that the driver shows", "GPU-0::2"],
    ]);
  });
});
