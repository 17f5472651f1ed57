import { describe, expect, onTestFinished, test } from "vitest";

import type { GpuIdentity, GpuSample, Reading } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Variant } from "../../../test/nvml-double/build.ts";
import { createDouble, healthyGpu, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import type { Scenario } from "../../../test/nvml-double/scenario.ts";
import { openGeneration } from "./generation.ts";
import type { Generation, OpenResult } from "./generation.ts";
import { createMarkBuffer, createMarkWriter } from "./marks.ts";
import { createBlocks } from "./reader.ts";

const START = millis(0);
/** After the next look at which GPUs there are. */
const LATER = millis(10_000);

async function place(scenario: Scenario, variant: Variant = "r580"): Promise<Double> {
  const double = await createDouble(scenario, { variant });
  onTestFinished(() => double[Symbol.dispose]());
  return double;
}

function open(double: Double, known: readonly GpuIdentity[] = []): OpenResult {
  const marks = createMarkWriter(createMarkBuffer());
  return openGeneration({ library: double.library, marks, blockOf: createBlocks(), known, now: START });
}

function opened(double: Double, known: readonly GpuIdentity[] = []): Generation {
  const result = open(double, known);
  if (result.kind === "not-open") throw new Error(JSON.stringify(result.source));
  onTestFinished(result.generation.close);
  return result.generation;
}

function samplesOf(generation: Generation, now = START): readonly GpuSample[] {
  const result = generation.sample(now);
  if (result.kind !== "samples") throw new Error(JSON.stringify(result));
  return result.samples;
}

function readingsOf(sample: GpuSample | undefined): readonly Reading<number>[] {
  if (sample === undefined) throw new Error("no such GPU");
  return [sample.utilization, sample.memoryUsedBytes, sample.temperatureCelsius, sample.powerWatts];
}

const value = (number: number): Reading<number> => ({ kind: "value", value: number });
const MIB = 1024 ** 2;

describe("openGeneration()", () => {
  test("names a missing library", () => {
    const marks = createMarkWriter(createMarkBuffer());
    const library = { path: "/nowhere/lib.so", driverRoots: [] };
    const result = openGeneration({ library, marks, blockOf: createBlocks(), known: [], now: START });
    expect(result).toMatchObject({ kind: "not-open", source: { state: "library-missing" } });
  });

  test.each([
    [9, { state: "driver-not-loaded", code: 9 }],
    [
      18,
      {
        state: "failed",
        call: "nvmlInit_v2",
        code: 18,
        detail: "nvmlInit_v2 answered LIB_RM_VERSION_MISMATCH (18)",
      },
    ],
    [12, { state: "library-missing", detail: "nvmlInit_v2 cannot load a library that it needs itself" }],
    [28, { state: "no-device", driver: "570.1.1" }],
    [999, { state: "failed", call: "nvmlInit_v2", code: 999, detail: "nvmlInit_v2 answered UNKNOWN (999)" }],
  ])("names an init that answers %i", async (init, source) => {
    const double = await place({ init, driver: "570.1.1", gpus: [] });
    expect(open(double)).toEqual({ kind: "not-open", source });
  });

  test("names a driver that shows no GPU", async () => {
    const double = await place({ driver: "570.1.1", gpus: [] });
    expect(open(double)).toEqual({ kind: "not-open", source: { state: "no-device", driver: "570.1.1" } });
  });

  test("names GPUs that are all kept from us", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetHandleByIndex_v2", code: 4 }] as const;
    const double = await place({ gpus: healthyGpus(2), rules });
    expect(open(double)).toMatchObject({
      source: { state: "failed", call: "nvmlDeviceGetHandleByIndex_v2", code: 4 },
    });
  });

  test("says who the GPUs are", async () => {
    const double = await place({ driver: "580.95.05", gpus: healthyGpus(2) });
    expect(opened(double).source).toEqual({
      state: "ready",
      driver: "580.95.05",
      gpus: [0, 1].map((index) => ({
        index,
        uuid: healthyGpu(index).uuid,
        name: { kind: "value", value: "NVIDIA H200" },
        busId: { kind: "value", value: healthyGpu(index).busId },
        memoryTotalBytes: value(143_771 * MIB),
      })),
    });
  });

  test("reads a name that is not UTF-8 and keeps an unsupported one apart", async () => {
    const double = await place({
      gpus: [{ name: Uint8Array.from([0x4d, 0xe9]) }, {}],
      rules: [{ kind: "ret", call: "nvmlDeviceGetName", gpu: 1, code: 3 }],
    });
    const names = opened(double).source.gpus.map((gpu) => gpu.name);
    expect(names).toEqual([
      { kind: "value", value: "Mé" },
      { kind: "unsupported", code: 3 },
    ]);
  });

  test("leaves out a GPU that this container was not given", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetHandleByIndex_v2", gpu: 0, code: 4 }] as const;
    const double = await place({ gpus: healthyGpus(2), rules });
    expect(opened(double).source.gpus.map((gpu) => gpu.index)).toEqual([1]);
  });

  test("keeps the place of a GPU that never opened", async () => {
    const double = await place({ gpus: [healthyGpu(0), { lost: true }] });
    const generation = opened(double);
    expect(generation.source.gpus[1]).toMatchObject({
      index: 1,
      uuid: "unidentified-gpu-1",
      name: { kind: "failed", code: 15 },
    });
    expect(samplesOf(generation)[1]?.state).toBe("lost");
  });
});

describe("Generation.sample()", () => {
  test("reads every field of every GPU", async () => {
    const samples = samplesOf(opened(await place({ gpus: healthyGpus(8) })));
    expect(samples).toHaveLength(8);
    for (const [index, sample] of samples.entries()) {
      expect(sample.uuid).toBe(healthyGpu(index).uuid);
      expect(readingsOf(sample)).toEqual([
        value((40 + index) / 100),
        value((1_000 + index) * MIB),
        value(28 + index),
        value((77_500 + index) / 1000),
      ]);
    }
  });

  test("follows values that change", async () => {
    const generation = opened(await place({ gpus: [{ ...healthyGpu(0), utilPercent: { seq: [10, 20] } }] }));
    const seen = [1, 2, 3].map(() => samplesOf(generation)[0]?.utilization);
    expect(seen).toEqual([value(0.1), value(0.2), value(0.2)]);
  });

  test("asks an older driver by its older calls", async () => {
    const double = await place({ driver: "510.1", gpus: healthyGpus(1) }, "r510");
    const generation = opened(double);
    // The older memory call counts what the driver keeps for itself as used.
    expect(readingsOf(samplesOf(generation)[0])).toEqual([
      value(0.4),
      value(1_614 * MIB),
      value(28),
      value(77.5),
    ]);
    expect(generation.source.gpus[0]?.memoryTotalBytes).toEqual(value(143_771 * MIB));
  });

  test("asks by the older call when the newer one refuses its struct", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 25 }] as const;
    const generation = opened(await place({ gpus: healthyGpus(1), rules }));
    expect(samplesOf(generation)[0]?.memoryUsedBytes).toEqual(value(1_614 * MIB));
  });

  test("stays with the call that has answered, so that a series never changes its meaning", async () => {
    const double = await place({ gpus: healthyGpus(1) });
    const generation = opened(double);
    samplesOf(generation);
    double.write({
      gpus: healthyGpus(1),
      rules: [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 999 }],
    });
    expect(samplesOf(generation)[0]?.memoryUsedBytes).toEqual({ kind: "failed", code: 999 });
    double.write({ gpus: healthyGpus(1) });
    expect(samplesOf(generation)[0]?.memoryUsedBytes).toEqual(value(1_000 * MIB));
  });

  test("takes the older call where the newer one never worked", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 999 }] as const;
    const generation = opened(await place({ gpus: healthyGpus(1), rules }));
    expect(samplesOf(generation)[0]?.memoryUsedBytes).toEqual(value(1_614 * MIB));
  });

  test("asks once for what a GPU does not support", async () => {
    const double = await place({ gpus: [healthyGpu(0), { memoryTotalMib: 1, memoryUsedMib: 1 }] });
    const generation = opened(double);
    for (let cycle = 0; cycle < 5; cycle++) {
      const [, , temperature, power] = readingsOf(samplesOf(generation)[1]);
      expect(temperature).toEqual({ kind: "unsupported", code: 3 });
      expect(power).toEqual({ kind: "unsupported", code: 3 });
    }
    const counters = double.counters();
    expect(counters["nvmlDeviceGetPowerUsage"]?.byGpu.slice(0, 2)).toEqual([5, 1]);
    expect(counters["nvmlDeviceGetTemperatureV"]?.byGpu.slice(0, 2)).toEqual([5, 1]);
    expect(counters["nvmlDeviceGetTemperature"]?.byGpu.slice(0, 2)).toEqual([0, 1]);
  });

  test("makes four calls for a GPU and cycle", async () => {
    const double = await place({ gpus: healthyGpus(2) });
    const generation = opened(double);
    samplesOf(generation);
    const calls = (): number =>
      Object.values(double.counters()).reduce((sum, { byGpu }) => sum + (byGpu[0] ?? 0), 0);
    const before = calls();
    samplesOf(generation);
    expect(calls() - before).toBe(4);
  });

  test("reports a call that fails as failed, and only that one", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetPowerUsage", gpu: 0, code: 999, times: 1 }] as const;
    const generation = opened(await place({ gpus: healthyGpus(2), rules }));
    const first = samplesOf(generation);
    expect(first[0]?.powerWatts).toEqual({ kind: "failed", code: 999 });
    expect(first[0]?.temperatureCelsius).toEqual(value(28));
    expect(first[1]?.powerWatts).toEqual(value(77.501));
    expect(samplesOf(generation)[0]?.powerWatts).toEqual(value(77.5));
  });

  test("takes an answer that is not available for no value", async () => {
    const gpu = { ...healthyGpu(0), utilPercent: -1, memoryUsedMib: -1, powerMw: -1 };
    const readings = readingsOf(samplesOf(opened(await place({ gpus: [gpu] })))[0]);
    const none = { kind: "failed", code: 21 };
    expect(readings).toEqual([none, none, value(28), none]);
  });

  test("a lost GPU fails in every field and leaves the others alone", async () => {
    const double = await place({ gpus: healthyGpus(3) });
    const generation = opened(double);
    samplesOf(generation);
    const gpus = healthyGpus(3).map((gpu, index) => ({ ...gpu, lost: index === 1 }));
    double.write({ gpus });
    const samples = samplesOf(generation);
    expect(samples.map((sample) => sample.state)).toEqual(["present", "lost", "present"]);
    expect(readingsOf(samples[1])).toEqual(Array.from({ length: 4 }, () => ({ kind: "failed", code: 15 })));
    expect(readingsOf(samples[2])).toEqual([value(0.42), value(1_002 * MIB), value(30), value(77.502)]);
    // Asking a lost GPU can take seconds, so it is not asked again in each cycle.
    const before = double.counters()["nvmlDeviceGetUtilizationRates"]?.byGpu[1];
    samplesOf(generation);
    expect(double.counters()["nvmlDeviceGetUtilizationRates"]?.byGpu[1]).toBe(before);
  });

  test("says that the GPUs have changed when a lost one can be read again", async () => {
    const double = await place({ gpus: [healthyGpu(0), { ...healthyGpu(1), lost: true }] });
    const known = [identity(0), identity(1)];
    const generation = opened(double, known);
    expect(generation.source.gpus[1]?.uuid).toBe(healthyGpu(1).uuid);
    expect(generation.sample(LATER).kind).toBe("samples");
    double.write({ gpus: healthyGpus(2) });
    expect(generation.sample(millis(LATER * 2)).kind).toBe("changed");
  });

  test("says that the GPUs have changed when their number has", async () => {
    const double = await place({ gpus: healthyGpus(3) });
    const generation = opened(double);
    double.write({ gpus: healthyGpus(2) });
    expect(generation.sample(LATER).kind).toBe("changed");
    // The next generation still knows the one that has gone.
    const next = opened(double, generation.source.gpus);
    expect(samplesOf(next).map((sample) => sample.state)).toEqual(["present", "present", "lost"]);
  });

  test.each([
    [1, { state: "failed", call: "nvmlDeviceGetMemoryInfo_v2", code: 1 }],
    [9, { state: "driver-not-loaded", code: 9 }],
    [18, { state: "failed", call: "nvmlDeviceGetMemoryInfo_v2", code: 18 }],
    [28, { state: "no-device", driver: "580.95.05" }],
  ])("is over when a call answers %i", async (code, source) => {
    const double = await place({ gpus: healthyGpus(2) });
    const generation = opened(double);
    double.write({
      gpus: healthyGpus(2),
      rules: [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", gpu: 1, code }],
    });
    expect(generation.sample(START)).toMatchObject({ kind: "over", source });
  });
});

function identity(index: number): GpuIdentity {
  const { uuid = "", busId = "" } = healthyGpu(index);
  return {
    index,
    uuid,
    name: { kind: "value", value: "NVIDIA H200" },
    busId: { kind: "value", value: busId },
    memoryTotalBytes: { kind: "failed", code: 999 },
  };
}
