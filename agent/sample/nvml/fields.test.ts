// Fields as the driver gives them, through the whole generation: numbering, types, batches that lie, counters.

import { describe, expect, test } from "vitest";

import { emptyReadings, readingOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../../shared/model/gpu-readings.ts";
import { millis } from "../../../shared/model/units.ts";
import { openOn, placeScenario, samplesOf } from "../../../test/build/generation.ts";
import { connect, first } from "../../../test/build/nvml-driver.ts";
import { healthyGpu } from "../../../test/nvml-double/fixture.ts";
import type { Scenario, ScenarioGpu } from "../../../test/nvml-double/scenario.ts";
import { openFields } from "./fields.ts";
import type { Generation } from "./generation.ts";

const value = (number: number): Reading<number> => ({ kind: "value", value: number });
const UNSUPPORTED = { kind: "unsupported", code: 3 };
const NO_NUMBER = { kind: "failed", code: 21 };

function read(generation: Generation, name: GpuReadingName, atMs = 0): Reading<number> {
  const [sample] = samplesOf(generation, millis(atMs));
  if (sample === undefined) throw new Error("no GPU");
  return readingOf(sample.readings, name);
}

/** One GPU that answers these fields, by a driver of branch 580. */
async function withFields(
  fields: ScenarioGpu["fields"],
  rest: Partial<Scenario> & { readonly gpu?: ScenarioGpu } = {},
): Promise<Generation> {
  const { gpu, ...scenario } = rest;
  const gpus = [{ ...healthyGpu(0), ...gpu, fields: fields ?? {} }];
  return openOn(await placeScenario({ ...scenario, gpus }));
}

const idOf = (generation: Generation, name: string) =>
  generation.survey().fields.find((field) => field.name === name)?.id;

describe("the throttle times, which were renumbered", () => {
  const throttleNs = { swThermal: 7e9, hwThermal: 8e9, hwPowerBrake: 9e9 };

  test.each([
    ["580.65.06", "r580", "early", 251],
    // A later build of the same branch.
    ["580.159.04", "r580", "late", 269],
    ["590.44.01", "r590", "late", 269],
  ] as const)("are found on %s (%s, %s)", async (driver, variant, throttleFields, id) => {
    const gpus = [{ ...healthyGpu(0), throttleNs }];
    const generation = openOn(await placeScenario({ driver, throttleFields, gpus }, variant));
    expect(read(generation, "throttledSwThermal")).toEqual(value(7));
    expect(read(generation, "throttledHwThermal")).toEqual(value(8));
    expect(read(generation, "throttledHwPowerBrake")).toEqual(value(9));
    expect(idOf(generation, "throttledSwThermal")).toBe(id);
  });

  test("are not taken from a setting that stands under the other id", async () => {
    const setting = { type: "u32", value: 1 } as const;
    const time = { type: "u64", value: 3e9 } as const;
    const generation = await withFields({
      251: setting,
      252: setting,
      253: setting,
      269: time,
      270: time,
      271: time,
    });
    expect(read(generation, "throttledSwThermal")).toEqual(value(3));
    expect(idOf(generation, "throttledHwPowerBrake")).toBe(271);
  });

  test.each([
    ["575.57.08", 1, 3],
    ["580.65.06", 4, 6],
    ["580.159.04", 4, 6],
    ["590.44.01", 4, 6],
  ])("are taken as %s would have them where both ids could be times", async (driver, lowest, highest) => {
    const time = (seconds: number) => ({ type: "u64", value: seconds * 1e9 }) as const;
    const generation = await withFields(
      {
        251: time(1),
        252: time(2),
        253: time(3),
        269: time(4),
        270: time(5),
        271: time(6),
      },
      { driver },
    );
    expect(read(generation, "throttledSwThermal")).toEqual(value(lowest));
    expect(read(generation, "throttledHwPowerBrake")).toEqual(value(highest));
  });
});

describe("a field", () => {
  test("of memory temperature is read as 32 bits whatever its type says, and not believed above 200", async () => {
    const as = (type: "double" | "u32", number: number) =>
      withFields({ 82: { type, filled: "u32", value: number } });
    expect(read(await as("double", 41), "memoryTemperature")).toEqual(value(41));
    expect(read(await as("u32", 41), "memoryTemperature")).toEqual(value(41));
    expect(read(await as("u32", 201), "memoryTemperature").kind).toBe("failed");
    // Cards without such a sensor say 0.
    expect(read(await as("u32", 0), "memoryTemperature")).toEqual(UNSUPPORTED);
  });

  test.each(["u32", "u64", "ulong", "i64", "i32", "u16", "double"] as const)(
    "is read as a %s",
    async (type) => {
      const generation = await withFields({ 94: { type, value: 4_711 } });
      expect(read(generation, "pcieReplays")).toEqual(value(4_711));
    },
  );

  test("that is not available has no number, and is asked for again until it is there", async () => {
    const gpu = (number: number) => ({
      gpus: [{ ...healthyGpu(0), fields: { 83: { type: "u64", value: number } } as const }],
    });
    const double = await placeScenario(gpu(-1));
    const generation = openOn(double);
    expect(read(generation, "energy")).toEqual(NO_NUMBER);
    double.write(gpu(9_000));
    expect(read(generation, "energy", 9_000)).toEqual(NO_NUMBER);
    expect(read(generation, "energy", 10_000)).toEqual(value(9));
  });

  test("that goes backwards is told as it is", async () => {
    const generation = await withFields({ 94: { type: "u32", value: { seq: [10, 10, 3] } } });
    expect(read(generation, "pcieReplays")).toEqual(value(10));
    expect(read(generation, "pcieReplays", 10_000)).toEqual(value(3));
  });

  test("that old drivers call an invalid argument is unsupported, and asked for once", async () => {
    const double = await placeScenario({ driver: "470.256.02", gpus: [healthyGpu(0)] }, "r470");
    const generation = openOn(double);
    expect(read(generation, "recoveryAction")).toEqual(UNSUPPORTED);
    const before = double.counters()["nvmlDeviceGetFieldValues"]?.calls ?? 0;
    for (let second = 1; second <= 9; second++) read(generation, "recoveryAction", second * 1_000);
    expect((double.counters()["nvmlDeviceGetFieldValues"]?.calls ?? 0) - before).toBeLessThanOrEqual(9);
  });

  test("that fails while others answer is failed alone", async () => {
    const generation = await withFields({
      94: { type: "u32", value: 5 },
      173: { type: "u32", value: 6, code: 999 },
    });
    expect(read(generation, "pcieReplays")).toEqual(value(5));
    expect(read(generation, "pcieCorrectableErrors")).toEqual({ kind: "failed", code: 999 });
  });

  test("in which the driver says that the GPU is lost makes it lost", async () => {
    const gpu = (code: number) => ({
      gpus: [{ ...healthyGpu(0), fields: { 186: { type: "u32", value: 5, code } } as const }],
    });
    const double = await placeScenario(gpu(0));
    const generation = openOn(double);
    expect(samplesOf(generation)[0]?.state).toBe("present");
    double.write(gpu(15));
    expect(samplesOf(generation)[0]?.state).toBe("lost");
  });
});

describe("an H100 in a virtual machine", () => {
  // As seen with driver 580.159: no links to ask for, no retired pages, and entries that a long batch does not reach.
  test("has no NVLink and no retired pages, and says so", async () => {
    const { nvlink: _, ...gpu } = healthyGpu(0);
    const double = await placeScenario({ driver: "580.159.04", untouchedFieldsOver: 30, gpus: [gpu] });
    const generation = openOn(double);
    for (const name of [
      "nvlinks",
      "nvlinksActive",
      "nvlinkTx",
      "nvlinkCrcFlitErrors",
      "retiredPagesPending",
    ] as const)
      expect(read(generation, name)).toEqual(UNSUPPORTED);
    expect(read(generation, "throttledHwThermal")).toEqual(value(19));
  });
});

describe("a number in another unit", () => {
  test("is the one that is meant, to the last digit", async () => {
    // Times a billionth this is 15.000000000000002, and times a thousandth the other 0.07200000000000001.
    const generation = await withFields({
      79: { type: "u64", value: 15_000_000_000 },
      186: { type: "u32", value: 72 },
    });
    expect(read(generation, "throttledReliability")).toEqual(value(15));
    expect(read(generation, "powerInstant")).toEqual(value(0.072));
  });
});

describe("a batch that leaves entries untouched", () => {
  test("never becomes zeros: those entries are asked alone from then on", async () => {
    const gpu = {
      ...healthyGpu(0),
      energyMj: 5_000,
      throttleNs: { swThermal: 7e9, hwThermal: 8e9, hwPowerBrake: 9e9 },
    };
    const double = await placeScenario({ gpus: [gpu], throttleFields: "late", untouchedFieldsOver: 2 });
    const generation = openOn(double);
    const calls = () => double.counters()["nvmlDeviceGetFieldValues"]?.calls ?? 0;
    for (const atMs of [0, 10_000, 20_000]) {
      const before = calls();
      const [sample] = samplesOf(generation, millis(atMs));
      if (sample === undefined) throw new Error("no GPU");
      expect(readingOf(sample.readings, "throttledSwThermal")).toEqual(value(7));
      expect(readingOf(sample.readings, "throttledHwPowerBrake")).toEqual(value(9));
      expect(readingOf(sample.readings, "energy")).toEqual(value(5));
      // Fast and slow, and three alone.
      if (atMs > 0) expect(calls() - before).toBeLessThanOrEqual(5);
    }
  });
});

describe("a batch in which all entries are asked alone", () => {
  test("ends the generation when the driver has gone", async () => {
    const gpu = { throttleNs: { swThermal: 7e9 } };
    const { driver, handles, fatal, double } = await connect({ gpus: [gpu] });
    const rows = emptyReadings();
    const options = { branch: 580, pcieBytesPerSecond: Infinity, intervalMs: millis(1_000) };
    const fields = openFields(driver, 0, first(handles), rows, options);
    double.write({ gpus: [gpu], untouchedFieldsOver: 0 });
    fields.read("slow", rows, millis(0));
    double.write({ gpus: [gpu], rules: [{ kind: "ret", call: "nvmlDeviceGetFieldValues", code: 1 }] });
    fields.read("slow", rows, millis(1));
    expect(fatal).toEqual([{ call: "nvmlDeviceGetFieldValues", code: 1 }]);
  });
});

describe("older calls", () => {
  test("stand in for fields that the driver does not have", async () => {
    const none = { type: "u32", value: 0, code: 3 } as const;
    const gpu = {
      energyMj: 6_000,
      pcie: { replays: 12 },
      remappedRows: { correctable: 1, uncorrectable: 2, pending: 0, failed: 1 },
      nvlink: { links: 4, active: 3 },
    };
    const generation = await withFields(
      { 83: none, 94: none, 142: none, 143: none, 144: none, 145: none, 91: none, 165: none },
      { gpu },
    );
    const names = [
      "energy",
      "pcieReplays",
      "remappedRowsCorrectable",
      "remappedRowsUncorrectable",
      "rowRemapPending",
      "rowRemapFailed",
      "nvlinks",
      "nvlinksActive",
    ] as const;
    expect(names.map((name) => read(generation, name))).toEqual([6, 12, 1, 2, 0, 1, 4, 3].map(value));
  });

  test("stand in too for a field of which that is known only later", async () => {
    const double = await placeScenario({
      gpus: [{ ...healthyGpu(0), energyMj: 7_000, fields: { 83: { type: "u64", value: 0, code: 999 } } }],
    });
    const generation = openOn(double);
    expect(read(generation, "energy")).toEqual({ kind: "failed", code: 999 });
    double.write({
      gpus: [{ ...healthyGpu(0), energyMj: 7_000, fields: { 83: { type: "u64", value: 0, code: 3 } } }],
    });
    expect(read(generation, "energy", 10_000)).toEqual(value(7));
  });

  test("are not asked where the field answers", async () => {
    const double = await placeScenario({ gpus: [{ ...healthyGpu(0), energyMj: 1, pcie: { replays: 1 } }] });
    samplesOf(openOn(double));
    expect(double.counters()["nvmlDeviceGetTotalEnergyConsumption"]?.calls).toBe(0);
    expect(double.counters()["nvmlDeviceGetPcieReplayCounter"]?.calls).toBe(0);
  });
});

describe("NVLink bytes", () => {
  test("stay in question while it is not known how many links there are", async () => {
    const links = (code: number) => ({
      gpus: [
        {
          ...healthyGpu(0),
          fields: {
            91: { type: "u32", value: 1, code },
            138: { type: "u64", value: 0, code: 3 },
            202: { type: "u64", value: 77, scope: 0 },
          },
        } as const,
      ],
    });
    const double = await placeScenario(links(999));
    const generation = openOn(double);
    expect(read(generation, "nvlinkTx")).toEqual({ kind: "failed", code: 999 });
    double.write(links(0));
    expect(read(generation, "nvlinkTx", 10_000)).toEqual(value(77));
  });

  test("are added over the links where the driver counts by link", async () => {
    const scoped = (from: number) =>
      Array.from({ length: 3 }, (_, link) => ({ type: "u64", value: from + link, scope: link }) as const);
    const generation = await withFields({
      91: { type: "u32", value: 3 },
      138: { type: "u64", value: 0, code: 3 },
      139: { type: "u64", value: 0, code: 3 },
      202: scoped(1_000),
      // One link that is not there adds nothing.
      204: [...scoped(2_000).slice(0, 2), { type: "u64", value: 0, code: 3, scope: 2 }],
    });
    expect(read(generation, "nvlinkTx")).toEqual(value(3_003));
    expect(read(generation, "nvlinkRx")).toEqual(value(4_001));
  });
});

describe("PCIe bytes", () => {
  const pcie = (maxGeneration: number, txBytes: number) => ({
    gpus: [{ ...healthyGpu(0), pcie: { maxGeneration, maxWidth: 4, txBytes } }],
  });

  test("are a counter over the wrap where the link is slow enough", async () => {
    const double = await placeScenario(pcie(3, 2 ** 32 - 1_000));
    const generation = openOn(double);
    expect(read(generation, "pcieTx")).toEqual(value(0));
    double.write(pcie(3, 500));
    expect(read(generation, "pcieTx", 1_000)).toEqual(value(1_500));
  });

  test("are not known where the counter can wrap unseen", async () => {
    const generation = openOn(await placeScenario(pcie(5, 1_000)));
    expect(read(generation, "pcieTx")).toEqual({ kind: "unsupported", code: -2 });
  });

  test("are unsupported where there is no counter", async () => {
    expect(
      read(openOn(await placeScenario({ gpus: [{ uuid: "GPU-a", utilPercent: 1 }] })), "pcieTx"),
    ).toEqual(UNSUPPORTED);
  });
});
