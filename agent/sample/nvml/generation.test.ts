import { describe, expect, test } from "vitest";

import { GPU_READING_NAMES, readingOf, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuSample } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import { openOn, placeScenario, samplesOf, START, tryToOpen } from "../../../test/build/generation.ts";
import { aGpu } from "../../../test/build/gpu.ts";
import { healthyGpu, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import type { ScenarioProcess } from "../../../test/nvml-double/scenario.ts";

/** After the next look at which GPUs there are. */
const LATER = millis(10_000);
const MIB = 1024 ** 2;
const SOME = ["utilization", "memoryUsed", "temperature", "power"] as const;

const HALF = { memoryTotalMib: 70_000, memoryReservedMib: 0, memoryUsedMib: 1 };
/** In two instances, each with processes of its own. */
const CUT = {
  ...healthyGpu(1),
  mig: {
    mode: 1,
    maxDevices: 7,
    instances: [
      { uuid: "MIG-1", gi: 1, ci: 0, ...HALF, processes: [processOf(10)] },
      { uuid: "MIG-2", gi: 2, ci: 0, ...HALF, processes: [processOf(20), processOf(21)] },
    ],
  },
} as const;

function processOf(pid: number): ScenarioProcess {
  return { pid, memoryMib: 1, kind: "compute" };
}

function read(sample: GpuSample | undefined, name: GpuReadingName): Reading<number> {
  if (sample === undefined) throw new Error("no such GPU");
  return readingOf(sample.readings, name);
}

function some(sample: GpuSample | undefined): readonly Reading<number>[] {
  return SOME.map((name) => read(sample, name));
}

function callsOf(double: Double, gpu = 0): number {
  return Object.values(double.counters()).reduce((sum, { byGpu }) => sum + (byGpu[gpu] ?? 0), 0);
}

const value = (number: number): Reading<number> => ({ kind: "value", value: number });

describe("openGeneration()", () => {
  test("names a missing library", () => {
    const result = tryToOpen({ path: "/nowhere/lib.so", driverRoots: [] });
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
    const double = await placeScenario({ init, driver: "570.1.1", gpus: [] });
    expect(tryToOpen(double.library)).toMatchObject({ kind: "not-open", source });
  });

  test("names a driver that shows no GPU", async () => {
    const double = await placeScenario({ driver: "570.1.1", gpus: [] });
    expect(tryToOpen(double.library)).toMatchObject({
      kind: "not-open",
      source: { state: "no-device", driver: "570.1.1" },
    });
  });

  test("names GPUs that are all kept from us", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetHandleByIndex_v2", code: 4 }] as const;
    const double = await placeScenario({ gpus: healthyGpus(2), rules });
    expect(tryToOpen(double.library)).toMatchObject({
      source: { state: "failed", call: "nvmlDeviceGetHandleByIndex_v2", code: 4 },
    });
  });

  test("says who the GPUs are", async () => {
    const { driver, gpus } = openOn(
      await placeScenario({ driver: "580.95.05", gpus: healthyGpus(2) }),
    ).source;
    expect(driver).toBe("580.95.05");
    expect(gpus.map(({ index, uuid, busId }) => ({ index, uuid, busId }))).toEqual(
      [0, 1].map((index) => ({
        index,
        uuid: healthyGpu(index).uuid,
        busId: { kind: "value", value: healthyGpu(index).busId },
      })),
    );
  });

  test("reads a name that is not UTF-8 and keeps an unsupported one apart", async () => {
    const double = await placeScenario({
      gpus: [{ ...healthyGpu(0), name: Uint8Array.from([0x4d, 0xe9]) }, healthyGpu(1)],
      rules: [{ kind: "ret", call: "nvmlDeviceGetName", gpu: 1, code: 3 }],
    });
    const names = openOn(double).source.gpus.map((gpu) => gpu.name);
    expect(names).toEqual([
      { kind: "value", value: "Mé" },
      { kind: "unsupported", code: 3 },
    ]);
  });

  test("leaves out a GPU that this container was not given", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetHandleByIndex_v2", gpu: 0, code: 4 }] as const;
    const double = await placeScenario({ gpus: healthyGpus(2), rules });
    expect(openOn(double).source.gpus.map((gpu) => gpu.index)).toEqual([1]);
  });

  test("keeps the place of a GPU that never opened", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), { lost: true }] });
    const generation = openOn(double);
    expect(generation.source.gpus[1]).toMatchObject({
      index: 1,
      uuid: "unidentified-gpu-1",
      name: { kind: "failed", code: 15 },
      details: { serial: { kind: "failed", code: 15 } },
    });
    expect(samplesOf(generation)[1]?.state).toBe("lost");
  });
});

describe("Generation.sample()", () => {
  test.each([1, 8, 16])("reads %i GPUs", async (count) => {
    const samples = samplesOf(openOn(await placeScenario({ gpus: healthyGpus(count) })));
    expect(samples).toHaveLength(count);
    for (const [index, sample] of samples.entries()) {
      expect(sample.uuid).toBe(healthyGpu(index).uuid);
      expect(valueOf(sample.readings, "power")).toBe((77_500 + index) / 1000);
    }
  });

  test("follows values that change", async () => {
    const gpus = [{ ...healthyGpu(0), utilPercent: { seq: [10, 20] } }];
    const generation = openOn(await placeScenario({ gpus }));
    const seen = [1, 2, 3].map(() => read(samplesOf(generation)[0], "utilization"));
    expect(seen).toEqual([value(0.1), value(0.2), value(0.2)]);
  });

  test("asks an older driver by its older calls", async () => {
    const double = await placeScenario({ driver: "510.1", gpus: healthyGpus(1) }, "r510");
    const generation = openOn(double);
    const [sample] = samplesOf(generation);
    // The older memory call counts what the driver keeps for itself as used, and does not say how much it is.
    expect(some(sample)).toEqual([value(0.4), value(1_614 * MIB), value(28), value(77.5)]);
    expect(read(sample, "memoryReserved")).toEqual({ kind: "unsupported", code: 3 });
    expect(generation.source.gpus[0]?.memoryTotalBytes).toEqual(value(143_771 * MIB));
  });

  test("reads what a driver of branch 470 has", async () => {
    const double = await placeScenario({ driver: "470.256.02", gpus: [healthyGpu(0)] }, "r470");
    const [sample] = samplesOf(openOn(double));
    expect(some(sample)).toEqual([value(0.4), value(1_614 * MIB), value(28), value(77.5)]);
    expect(read(sample, "clockEventReasons")).toEqual(value(1));
    for (const name of [
      "temperatureMargin",
      "jpegUtilization",
      "sramThresholdExceeded",
      "fabricState",
    ] as const)
      expect(read(sample, name)).toEqual({ kind: "unsupported", code: 13 });
    expect(read(sample, "gpmSmActive").kind).not.toBe("value");
  });

  test("asks by the older call when the newer one refuses its struct", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 25 }] as const;
    const generation = openOn(await placeScenario({ gpus: healthyGpus(1), rules }));
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual(value(1_614 * MIB));
  });

  test("stays with the call that has answered, so that a series never changes its meaning", async () => {
    const double = await placeScenario({ gpus: healthyGpus(1) });
    const generation = openOn(double);
    samplesOf(generation);
    double.write({
      gpus: healthyGpus(1),
      rules: [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 999 }],
    });
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual({ kind: "failed", code: 999 });
    double.write({ gpus: healthyGpus(1) });
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual(value(1_000 * MIB));
  });

  test("waits for the newer call where it only failed at first", async () => {
    const rules = [
      { kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 27, after: 1, times: 1 },
    ] as const;
    const generation = openOn(await placeScenario({ gpus: healthyGpus(1), rules }));
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual({ kind: "failed", code: 27 });
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual(value(1_000 * MIB));
  });

  test("takes the older call where the newer one never worked", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", code: 999 }] as const;
    const generation = openOn(await placeScenario({ gpus: healthyGpus(1), rules }));
    expect(read(samplesOf(generation)[0], "memoryUsed")).toEqual(value(1_614 * MIB));
  });

  test("asks once for what a GPU does not support", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), { memoryTotalMib: 1, memoryUsedMib: 1 }] });
    const generation = openOn(double);
    for (let cycle = 0; cycle < 5; cycle++) {
      const [, , temperature, power] = some(samplesOf(generation)[1]);
      expect(temperature).toEqual({ kind: "unsupported", code: 3 });
      expect(power).toEqual({ kind: "unsupported", code: 3 });
    }
    const counters = double.counters();
    expect(counters["nvmlDeviceGetPowerUsage"]?.byGpu.slice(0, 2)).toEqual([5, 1]);
    expect(counters["nvmlDeviceGetTemperatureV"]?.byGpu.slice(0, 2)).toEqual([5, 1]);
    expect(counters["nvmlDeviceGetTemperature"]?.byGpu.slice(0, 2)).toEqual([0, 1]);
  });

  test("makes ten calls for a GPU and cycle, and at most twelve on the average, without GPM", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0)] });
    const generation = openOn(double, { gpm: false });
    samplesOf(generation);
    const before = callsOf(double);
    samplesOf(generation, millis(1_000));
    expect(callsOf(double) - before).toBe(10);
    for (let second = 2; second <= 100; second++) samplesOf(generation, millis(second * 1_000));
    expect((callsOf(double) - before) / 100).toBeLessThanOrEqual(12);
  });

  test("never asks for what takes the driver 20 ms", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0)] });
    samplesOf(openOn(double));
    expect(double.counters()["nvmlDeviceGetPcieThroughput"]?.calls ?? 0).toBe(0);
  });

  test("reads the slow group in its own rhythm and keeps it in between", async () => {
    const gpu = (pstate: number) => ({ gpus: [{ ...healthyGpu(0), pstate }] });
    const double = await placeScenario(gpu(2));
    const generation = openOn(double);
    const pstateAt = (ms: number) => read(samplesOf(generation, millis(ms))[0], "performanceState");
    expect(pstateAt(0)).toEqual(value(2));
    double.write(gpu(8));
    expect(pstateAt(9_000)).toEqual(value(2));
    expect(pstateAt(10_000)).toEqual(value(8));
    double.write({ ...gpu(8), rules: [{ kind: "ret", call: "nvmlDeviceGetPerformanceState", code: 999 }] });
    expect(pstateAt(19_000)).toEqual(value(8));
    expect(pstateAt(20_000)).toEqual({ kind: "failed", code: 999 });
    expect(pstateAt(21_000)).toEqual({ kind: "failed", code: 999 });
    double.write(gpu(0));
    generation.hasten();
    expect(pstateAt(22_000)).toEqual(value(0));
  });

  test("reports a call that fails as failed, and only that one", async () => {
    const rules = [{ kind: "ret", call: "nvmlDeviceGetPowerUsage", gpu: 0, code: 999, times: 1 }] as const;
    const generation = openOn(await placeScenario({ gpus: healthyGpus(2), rules }));
    const first = samplesOf(generation);
    expect(read(first[0], "power")).toEqual({ kind: "failed", code: 999 });
    expect(read(first[0], "temperature")).toEqual(value(28));
    expect(read(first[1], "power")).toEqual(value(77.501));
    expect(read(samplesOf(generation)[0], "power")).toEqual(value(77.5));
  });

  test("takes an answer that is not available for no value", async () => {
    const gpu = { ...healthyGpu(0), utilPercent: -1, memoryUsedMib: -1, powerMw: -1 };
    const readings = some(samplesOf(openOn(await placeScenario({ gpus: [gpu] })))[0]);
    const none = { kind: "failed", code: 21 };
    expect(readings).toEqual([none, none, value(28), none]);
  });

  test("a lost GPU fails in every reading and leaves the others alone", async () => {
    const double = await placeScenario({ gpus: healthyGpus(3) });
    const generation = openOn(double);
    samplesOf(generation);
    const gpus = healthyGpus(3).map((gpu, index) => ({ ...gpu, lost: index === 1 }));
    double.write({ gpus });
    const samples = samplesOf(generation);
    expect(samples.map((sample) => sample.state)).toEqual(["present", "lost", "present"]);
    for (const name of GPU_READING_NAMES)
      expect(read(samples[1], name)).toEqual({ kind: "failed", code: 15 });
    expect(some(samples[2])).toEqual([value(0.42), value(1_002 * MIB), value(30), value(77.502)]);
    // Asking a lost GPU can take seconds, so it is not asked again in each cycle.
    const before = callsOf(double, 1);
    samplesOf(generation);
    expect(callsOf(double, 1)).toBe(before);
  });

  test("knows the processes of a cut GPU by its instances, and asks for the whole card no more", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), CUT] });
    const generation = openOn(double);
    const [, sample] = samplesOf(generation);
    expect(read(sample, "processes")).toEqual(value(3));
    expect(sample?.processes?.map(({ pid, gpuInstance }) => [pid, gpuInstance])).toEqual([
      [10, 1],
      [20, 2],
      [21, 2],
    ]);
    const lists = double.counters()["nvmlDeviceGetComputeRunningProcesses_v3"];
    expect(lists?.byGpu.slice(0, 2)).toEqual([1, 2]);
  });

  test("uses no handle of an instance after a look has given out new ones", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), CUT] });
    const generation = openOn(double);
    samplesOf(generation);
    const [kept] = CUT.mig.instances;
    double.write({ gpus: [healthyGpu(0), { ...CUT, mig: { ...CUT.mig, instances: [kept] } }] });
    // The double would end the process.
    expect(samplesOf(generation, LATER)[1]?.instances).toHaveLength(2);
    expect(generation.sample(millis(LATER + 1_000)).kind).toBe("changed");
  });

  test.each([
    ["has gone", 15, "lost"],
    ["fails", 16, "present"],
  ] as const)(
    "a known GPU that opens, %s and does not say who it is stays one GPU",
    async (_, code, state) => {
      const { source } = openOn(await placeScenario({ gpus: healthyGpus(2) }));
      const rules = [{ kind: "ret", call: "nvmlDeviceGetUUID", gpu: 1, code }] as const;
      const double = await placeScenario({ gpus: healthyGpus(2), rules });
      const generation = openOn(double, { known: source.gpus });
      expect(samplesOf(generation)).toMatchObject([
        { uuid: healthyGpu(0).uuid, state: "present" },
        { uuid: healthyGpu(1).uuid, state },
      ]);
      // It cannot be read again while it does not say that it is the one.
      expect(generation.sample(LATER).kind).toBe("samples");
      double.write({ gpus: healthyGpus(2) });
      expect(generation.sample(millis(LATER * 2)).kind).toBe("changed");
    },
  );

  test("a lost GPU that has moved to another place is not told twice", async () => {
    const { source } = openOn(await placeScenario({ gpus: healthyGpus(3) }));
    const gpus = [healthyGpu(0), healthyGpu(2), { ...healthyGpu(1), lost: true }];
    const generation = openOn(await placeScenario({ gpus }), { known: source.gpus });
    expect(samplesOf(generation).map(({ uuid, state }) => [uuid, state])).toEqual([
      [healthyGpu(0).uuid, "present"],
      [healthyGpu(2).uuid, "present"],
      [healthyGpu(1).uuid, "lost"],
    ]);
  });

  test("says which GPU wants a reset, and goes on with it", async () => {
    const double = await placeScenario({ gpus: healthyGpus(2) });
    const generation = openOn(double);
    double.write({ gpus: healthyGpus(2), rules: [{ kind: "ret", call: "*", gpu: 1, code: 16 }] });
    const result = generation.sample(START);
    expect(result).toMatchObject({ kind: "samples", anySilent: true });
    const samples = samplesOf(generation);
    expect(samples.map(({ state }) => state)).toEqual(["present", "present"]);
    expect(read(samples[1], "power")).toEqual({ kind: "failed", code: 16 });
    expect(read(samples[0], "power")).toEqual(value(77.5));
    double.write({ gpus: healthyGpus(2) });
    expect(generation.sample(START)).toMatchObject({ anySilent: false });
  });

  test("says that the GPUs have changed when a lost one can be read again", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), { ...healthyGpu(1), lost: true }] });
    const known = [0, 1].map((index) => {
      const { uuid = "", busId = "" } = healthyGpu(index);
      return aGpu(index, { uuid, busId: { kind: "value", value: busId } });
    });
    const generation = openOn(double, { known });
    expect(generation.source.gpus[1]?.uuid).toBe(healthyGpu(1).uuid);
    expect(generation.sample(LATER).kind).toBe("samples");
    double.write({ gpus: healthyGpus(2) });
    expect(generation.sample(millis(LATER * 2)).kind).toBe("changed");
  });

  test("says that the GPUs have changed when their number has", async () => {
    const double = await placeScenario({ gpus: healthyGpus(3) });
    const generation = openOn(double);
    double.write({ gpus: healthyGpus(2) });
    expect(generation.sample(LATER).kind).toBe("changed");
    // The next generation still knows the one that has gone.
    const next = openOn(double, { known: generation.source.gpus });
    expect(samplesOf(next).map((sample) => sample.state)).toEqual(["present", "present", "lost"]);
  });

  test("says that the GPUs have changed when two have changed places", async () => {
    const double = await placeScenario({ gpus: healthyGpus(2) });
    const generation = openOn(double);
    double.write({ gpus: healthyGpus(2).toReversed() });
    expect(generation.sample(LATER).kind).toBe("changed");
    const next = openOn(double, { known: generation.source.gpus });
    expect(next.source.gpus.map(({ uuid }) => uuid)).toEqual([healthyGpu(1).uuid, healthyGpu(0).uuid]);
    expect(samplesOf(next)).toHaveLength(2);
  });

  test("says that something has changed when the driver was upgraded under it", async () => {
    const double = await placeScenario({ driver: "580.95.05", gpus: healthyGpus(1) });
    const generation = openOn(double);
    double.write({ driver: "590.44.01", gpus: healthyGpus(1) });
    expect(generation.sample(LATER).kind).toBe("changed");
  });

  test("says that something has changed when a GPU was reset, which sets its energy back", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0)] });
    const generation = openOn(double);
    samplesOf(generation);
    double.write({ gpus: [{ ...healthyGpu(0), energyMj: 100 }] });
    expect(read(samplesOf(generation, LATER)[0], "energy")).toEqual(value(0.1));
    expect(generation.sample(millis(LATER + 1_000)).kind).toBe("changed");
  });

  test.each([
    [1, { state: "failed", call: "nvmlDeviceGetMemoryInfo_v2", code: 1 }],
    [9, { state: "driver-not-loaded", code: 9 }],
    [18, { state: "failed", call: "nvmlDeviceGetMemoryInfo_v2", code: 18 }],
    [28, { state: "no-device", driver: "580.95.05" }],
  ])("is over when a call answers %i", async (code, source) => {
    const double = await placeScenario({ gpus: healthyGpus(2) });
    const generation = openOn(double);
    double.write({
      gpus: healthyGpus(2),
      rules: [{ kind: "ret", call: "nvmlDeviceGetMemoryInfo_v2", gpu: 1, code }],
    });
    expect(generation.sample(START)).toMatchObject({ kind: "over", source });
  });
});

describe("Generation.survey()", () => {
  test("says of each call and field how it was met, without a call", async () => {
    const double = await placeScenario({ gpus: [healthyGpu(0), { lost: true }] }, "r510");
    const generation = openOn(double);
    samplesOf(generation);
    const before = Object.values(double.counters()).reduce((sum, { calls }) => sum + calls, 0);
    const { library, calls, fields } = generation.survey();
    expect(Object.values(double.counters()).reduce((sum, { calls: n }) => sum + n, 0)).toBe(before);
    expect(library).toContain(double.directory);
    const call = (name: string) => calls.find((row) => row.name === name);
    expect(call("nvmlDeviceGetPowerUsage")).toMatchObject({ exported: true, codes: [0, -1] });
    expect(call("nvmlDeviceGetHandleByIndex_v2")?.codes).toEqual([0, 15]);
    expect(call("nvmlDeviceGetMemoryInfo_v2")).toMatchObject({ exported: false, codes: [-1, -1] });
    expect(call("nvmlInit_v2")?.codes).toEqual([0]);
    // No GPU is among its parameters, and it is made for one all the same.
    expect(call("nvmlGpmSampleAlloc")).toMatchObject({ exported: false, codes: [-1, -1] });
    expect(fields.find(({ name }) => name === "energy")).toEqual({ name: "energy", id: 83, codes: [0, -1] });
  });

  test("says for which GPU the calls of the counters were made", async () => {
    const generation = openOn(await placeScenario({ gpus: [healthyGpu(0), { lost: true }] }));
    samplesOf(generation);
    samplesOf(generation, millis(1_000));
    const { calls } = generation.survey();
    for (const name of ["nvmlGpmSampleAlloc", "nvmlGpmMetricsGet"])
      expect(calls.find((row) => row.name === name)?.codes).toEqual([0, -1]);
  });
});
