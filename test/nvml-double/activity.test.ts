// What goes on in a GPU of the double: its processes in buffers of any size, and the counters between two samples.

import { describe, expect, test } from "vitest";

import { allocate } from "../../agent/sample/nvml/native.ts";
import { handleFrom, lister, openDouble } from "./opened.ts";
import type { Opened } from "./opened.ts";
import type { ScenarioProcess } from "./scenario.ts";

const MIB = 1_048_576n;

describe("processes", () => {
  const several = (count: number): readonly ScenarioProcess[] =>
    Array.from({ length: count }, (_, at) => ({
      pid: 100 + at,
      memoryMib: at === 0 ? null : at,
      kind: "compute",
    }));

  test("are counted for a buffer that is too small, as many as there were", async () => {
    const opened = await openDouble({ gpus: [{ processes: several(5), processGrowth: { seq: [2, 0] } }] });
    const { call, count } = lister(opened, 24);
    expect([call(opened.gpu(0), 0), count()]).toEqual([7, 3]);
    expect([call(opened.gpu(0), 4), count()]).toEqual([7, 5]);
    expect([call(opened.gpu(0), 9), count()]).toEqual([0, 5]);
  });

  test.each([
    ["r580", 24],
    ["r535bug", 32],
  ] as const)("of %s are %i bytes each", async (variant, stride) => {
    const opened = await openDouble({ gpus: [{ processes: several(2) }] }, variant);
    const { call, view } = lister(opened, stride);
    expect(call(opened.gpu(0), 2)).toBe(0);
    const entries = [0, stride].map((at) => [view.getUint32(at, true), view.getBigUint64(at + 8, true)]);
    expect(entries).toEqual([
      [100, 2n ** 64n - 1n],
      [101, MIB],
    ]);
  });
});

describe("the counters", () => {
  /** Code and value of metrics 5 and 9. */
  function measured(opened: Opened, first: bigint, second: bigint): readonly (readonly number[])[] {
    const { address, view } = allocate(24 + 2 * 40);
    view.setUint32(0, 1, true);
    view.setUint32(4, 2, true);
    view.setBigUint64(8, first, true);
    view.setBigUint64(16, second, true);
    for (const [at, id] of [5, 9].entries()) view.setUint32(24 + at * 40, id, true);
    expect(opened.bind("nvmlGpmMetricsGet", "out")(address)).toBe(0);
    return [0, 40].map((at) => [view.getInt32(24 + at + 4, true), view.getFloat64(24 + at + 8, true)]);
  }

  const take = (opened: Opened): bigint => {
    const sample = handleFrom((out) => opened.bind("nvmlGpmSampleAlloc", "out")(out));
    expect(opened.bind("nvmlGpmSampleGet", "device-handle")(opened.gpu(0), sample)).toBe(0);
    return sample;
  };

  test("say 0 without an error of samples that are close together", async () => {
    const opened = await openDouble({ gpus: [{ gpm: { 5: 12.5 } }] });
    const sample = take(opened);
    expect(measured(opened, sample, sample)).toEqual([
      [0, 0],
      [3, 0],
    ]);
  });

  test("say what happened between samples that are not", async () => {
    const rules = [{ kind: "delay", call: "nvmlGpmSampleGet", us: 110_000 }] as const;
    const opened = await openDouble({ gpus: [{ gpm: { 5: 12.5 } }], rules });
    expect(measured(opened, take(opened), take(opened))).toEqual([
      [0, 12.5],
      [3, 0],
    ]);
  });

  test("are those of one instance where a sample is of one", async () => {
    const instance = { uuid: "MIG-a", gi: 4, ci: 0, gpm: { 5: 33 } };
    const rules = [{ kind: "delay", call: "nvmlGpmMigSampleGet", us: 110_000 }] as const;
    const opened = await openDouble({
      gpus: [{ gpm: { 5: 12.5 }, mig: { mode: 1, instances: [instance] } }],
      rules,
    });
    const call = opened.bind("nvmlGpmMigSampleGet", "device-number-handle");
    const samples = [1, 2].map(() => handleFrom((out) => opened.bind("nvmlGpmSampleAlloc", "out")(out)));
    expect(samples.map((sample) => call(opened.gpu(0), 4, sample))).toEqual([0, 0]);
    const [first = 0n, second = 0n] = samples;
    expect(measured(opened, first, second)[0]).toEqual([0, 33]);
    expect(call(opened.gpu(0), 5, first)).toBe(2);
  });
});
