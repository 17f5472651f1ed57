import { describe, expect, onTestFinished, test } from "vitest";

import {
  emptyReadings,
  GPU_READING_NAMES,
  GPU_READINGS,
  readingOf,
} from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../../shared/model/gpu-readings.ts";
import { FUNCTION_NOT_FOUND, NO_DATA, NOT_ASKED, NOT_SUPPORTED } from "../../../shared/model/nvml-status.ts";
import { millis } from "../../../shared/model/units.ts";
import { connect, first } from "../../../test/build/nvml-driver.ts";
import type { Connection } from "../../../test/build/nvml-driver.ts";
import type { BuildOptions } from "../../../test/nvml-double/build.ts";
import type { Rule, ScenarioGpu } from "../../../test/nvml-double/scenario.ts";
import { openGpm } from "./gpm.ts";
import type { Gpm } from "./gpm.ts";

const MIB = 1_048_576;
const NAMES = GPU_READING_NAMES.filter((name) => GPU_READINGS[name].group === "gpm");

/** Another number for each metric, so that a swap would show. */
const METRICS: NonNullable<ScenarioGpu["gpm"]> = {
  1: 81.5,
  2: 72,
  3: 33,
  5: 21,
  10: 45,
  11: 1.5,
  12: 12,
  13: 13,
  20: 1000,
  21: 2000,
  60: 600,
  61: 610,
};

/** The double answers 0 to samples that are close, as the library does, so each takes long enough here. */
const SLOW: Rule = { kind: "delay", call: "nvmlGpmSampleGet", us: 110_000 };

interface Sampler extends Connection {
  readonly gpm: Gpm;
  /** One reading of all at this moment. */
  readonly at: (ms: number) => Readonly<Record<string, Reading<number>>>;
}

async function sampler(
  gpu: ScenarioGpu,
  rules: readonly Rule[] = [],
  build: BuildOptions = {},
): Promise<Sampler> {
  const connection = await connect({ gpus: [gpu], rules: [SLOW, ...rules] }, build);
  const gpm = openGpm(connection.driver, 0, first(connection.handles), null);
  onTestFinished(() => gpm.close());
  const at: Sampler["at"] = (ms) => {
    const readings = emptyReadings();
    gpm.read(readings, millis(ms));
    return Object.fromEntries(NAMES.map((name) => [name, readingOf(readings, name)]));
  };
  return { ...connection, gpm, at };
}

function all(reading: Reading<number>): Readonly<Record<string, Reading<number>>> {
  return Object.fromEntries(NAMES.map((name) => [name, reading]));
}

const value = (number: number): Reading<number> => ({ kind: "value", value: number });
const PENDING = all({ kind: "pending", code: NOT_ASKED });
const failed = (code: number): Reading<number> => ({ kind: "failed", code });

describe("openGpm()", () => {
  test("says nothing after the first sample and everything in its unit after the second", async () => {
    const { gpm, at, calls } = await sampler({ gpm: METRICS });
    expect(gpm.support).toEqual({ kind: "value", value: true });
    expect(at(0)).toEqual(PENDING);
    const expected: Record<GpuReadingName & `gpm${string}`, Reading<number>> = {
      gpmGraphicsActive: value(0.815),
      gpmSmActive: value(0.72),
      gpmSmOccupancy: value(0.33),
      gpmTensorActive: value(0.21),
      gpmDramActive: value(0.45),
      gpmFp64Active: value(0.015),
      gpmFp32Active: value(0.12),
      gpmFp16Active: value(0.13),
      gpmPcieTx: value(1000 * MIB),
      gpmPcieRx: value(2000 * MIB),
      gpmNvlinkRx: value(600 * MIB),
      gpmNvlinkTx: value(610 * MIB),
    };
    expect(at(1000)).toEqual(expected);
    expect(at(2000)).toEqual(expected);
    expect(calls("nvmlGpmSampleAlloc")).toBe(2);
    expect(calls("nvmlGpmSampleGet")).toBe(3);
    expect(calls("nvmlGpmMetricsGet")).toBe(2);
  });

  test("takes no sample so soon that it would read 0", async () => {
    const { at, calls } = await sampler({ gpm: METRICS });
    expect(at(0)).toEqual(PENDING);
    expect(at(249)).toEqual(PENDING);
    expect(calls("nvmlGpmSampleGet")).toBe(1);
    expect(at(250)["gpmSmActive"]).toEqual(value(0.72));
  });

  test("repeats what it knows when it is asked again too soon", async () => {
    const { at, calls } = await sampler({ gpm: METRICS });
    at(0);
    const known = at(1000);
    expect(at(1000)).toEqual(known);
    expect(at(1249)).toEqual(known);
    expect(calls("nvmlGpmSampleGet")).toBe(2);
  });

  test("cuts what is above all, refuses what is below nothing, keeps what is not supported apart", async () => {
    const { 3: _, ...most } = METRICS;
    const { at } = await sampler({ gpm: { ...most, 1: 100.4, 2: -1, 20: -5, 10: { code: 999 } } });
    at(0);
    expect(at(1000)).toMatchObject({
      gpmGraphicsActive: value(1),
      gpmSmActive: failed(NO_DATA),
      gpmSmOccupancy: { kind: "unsupported", code: NOT_SUPPORTED },
      gpmTensorActive: value(0.21),
      gpmDramActive: failed(999),
      gpmPcieTx: failed(NO_DATA),
      gpmPcieRx: value(2000 * MIB),
    });
  });

  test("starts again after a gap", async () => {
    const { at } = await sampler({ gpm: METRICS });
    at(0);
    expect(at(600_000)["gpmSmActive"]).toEqual(value(0.72));
    expect(at(1_200_001)).toEqual(PENDING);
    expect(at(1_201_001)["gpmSmActive"]).toEqual(value(0.72));
  });

  test("starts again after a sample that failed", async () => {
    const { at } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmSampleGet", code: 999, after: 2, times: 1 },
    ]);
    at(0);
    expect(at(1000)["gpmSmActive"]).toEqual(value(0.72));
    expect(at(2000)).toEqual(all(failed(999)));
    expect(at(3000)).toEqual(PENDING);
    expect(at(4000)["gpmSmActive"]).toEqual(value(0.72));
  });

  test("loses one answer when only the computing fails", async () => {
    const { at } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmMetricsGet", code: 999, times: 1 },
    ]);
    at(0);
    expect(at(1000)).toEqual(all(failed(999)));
    expect(at(2000)["gpmSmActive"]).toEqual(value(0.72));
  });

  test("asks a GPU without counters once", async () => {
    const { gpm, at, calls } = await sampler({});
    expect(gpm.support).toEqual({ kind: "value", value: false });
    for (const ms of [0, 1000, 20_000])
      expect(at(ms)).toEqual(all({ kind: "unsupported", code: NOT_SUPPORTED }));
    expect(calls("nvmlGpmQueryDeviceSupport")).toBe(1);
    expect(calls("nvmlGpmSampleAlloc")).toBe(0);
  });

  test("does without on a driver that knows no such counters", async () => {
    const { gpm, at } = await sampler({ gpm: METRICS }, [], { variant: "r510" });
    expect(gpm.support).toEqual({ kind: "value", value: false });
    expect(at(0)).toEqual(all({ kind: "unsupported", code: FUNCTION_NOT_FOUND }));
  });

  test("stops asking once the samples are not supported after all", async () => {
    const { gpm, at, calls } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmSampleGet", code: 3 },
    ]);
    for (const ms of [0, 1000, 2000])
      expect(at(ms)).toEqual(all({ kind: "unsupported", code: NOT_SUPPORTED }));
    expect(gpm.support).toEqual({ kind: "value", value: false });
    expect(calls("nvmlGpmSampleGet")).toBe(1);
  });

  test("asks again, but not each cycle, when the GPU failed to say whether it has counters", async () => {
    const { gpm, at, calls } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmQueryDeviceSupport", code: 999, times: 2 },
    ]);
    expect(gpm.support).toEqual({ kind: "failed", code: 999 });
    expect(at(0)).toEqual(all(failed(999)));
    expect(at(1000)).toEqual(all(failed(999)));
    expect(calls("nvmlGpmQueryDeviceSupport")).toBe(2);
    expect(at(10_000)).toEqual(PENDING);
    expect(gpm.support).toEqual({ kind: "value", value: true });
  });

  test("says why it has no room for samples, and tries again", async () => {
    const { at, calls } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmSampleAlloc", code: 20, after: 1, times: 1 },
    ]);
    expect(at(0)).toEqual(PENDING);
    expect(at(1000)).toEqual(all(failed(20)));
    expect(at(2000)).toEqual(PENDING);
    expect(at(3000)["gpmSmActive"]).toEqual(value(0.72));
    expect(calls("nvmlGpmSampleAlloc")).toBe(3);
  });

  test("tells of a dead connection", async () => {
    const { at, fatal } = await sampler({ gpm: METRICS }, [
      { kind: "ret", call: "nvmlGpmSampleGet", code: 9 },
    ]);
    expect(at(0)).toEqual(all(failed(9)));
    expect(fatal).toEqual([{ call: "nvmlGpmSampleGet", code: 9 }]);
  });

  test("gives back both samples once, and uses none of them afterwards", async () => {
    const { gpm, at, calls } = await sampler({ gpm: METRICS });
    at(0);
    at(1000);
    gpm.close();
    gpm.close();
    expect(calls("nvmlGpmSampleFree")).toBe(2);
    expect(at(2000)).toEqual(PENDING);
    expect(calls("nvmlGpmSampleGet")).toBe(2);
  });

  test("gives back nothing when it never took a sample", async () => {
    const { gpm, calls } = await sampler({ gpm: METRICS });
    gpm.close();
    expect(calls("nvmlGpmSampleFree")).toBe(0);
  });
});

describe("openGpm() of a GPU instance", () => {
  test("reads that instance, once for each moment", async () => {
    const instance = { uuid: "MIG-1", gi: 9, ci: 0, gpm: { ...METRICS, 2: 91 } };
    const other = { uuid: "MIG-2", gi: 11, ci: 0, gpm: { ...METRICS, 2: 17 } };
    const connection = await connect({
      gpus: [{ mig: { mode: 1, instances: [instance, other] }, gpm: METRICS }],
      rules: [{ kind: "delay", call: "nvmlGpmMigSampleGet", us: 110_000 }],
    });
    const gpms = [9, 11].map((gi) => openGpm(connection.driver, 0, first(connection.handles), gi));
    onTestFinished(() => {
      for (const gpm of gpms) gpm.close();
    });
    const readAll = (ms: number): readonly Reading<number>[] =>
      gpms.map((gpm) => {
        const readings = emptyReadings();
        gpm.read(readings, millis(ms));
        return readingOf(readings, "gpmSmActive");
      });
    readAll(0);
    expect(readAll(1000)).toEqual([value(0.91), value(0.17)]);
    expect(readAll(1000)).toEqual([value(0.91), value(0.17)]);
    expect(connection.calls("nvmlGpmMigSampleGet")).toBe(4);
    expect(connection.calls("nvmlGpmSampleGet")).toBe(0);
  });
});
