// A card that answers every question, read by the whole of the agent's own code: each reading comes from its own place
// and in its own unit.

import { expect, test } from "vitest";

import { GPU_READING_NAMES, GPU_READINGS, readingOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuSample } from "../../../shared/model/gpu.ts";
import { openOn, placeScenario, samplesOf } from "../../../test/build/generation.ts";
import { healthyGpu } from "../../../test/nvml-double/fixture.ts";
import type { ScenarioGpu } from "../../../test/nvml-double/scenario.ts";

const MIB = 1024 ** 2;
const value = (number: number): Reading<number> => ({ kind: "value", value: number });

function read(sample: GpuSample | undefined, name: GpuReadingName): Reading<number> {
  if (sample === undefined) throw new Error("no such GPU");
  return readingOf(sample.readings, name);
}

/** A card that answers every question, with numbers of which no two are alike. */
const TALKATIVE: ScenarioGpu = {
  ...healthyGpu(0),
  minor: 3,
  serial: "1654321000001",
  vbios: "96.00.A0.00.01",
  partNumber: "900-2G520-0040-000",
  arch: 9,
  virtualization: 1,
  numaNode: 2,
  powerDefaultLimitMw: 700_000,
  powerMinLimitMw: 200_000,
  powerMaxLimitMw: 710_000,
  smClockMaxMhz: 1_980,
  memoryClockMaxMhz: 3_201,
  slowdownC: 89,
  shutdownC: 94,
  memoryMaxC: 95,
  utilPercent: 40,
  memoryUtilPercent: 17,
  memoryTotalMib: 143_771,
  memoryReservedMib: 614,
  memoryUsedMib: 1_000,
  temperatureC: 28,
  memoryTemperatureC: 36,
  powerMw: 77_500,
  powerInstantMw: 78_250,
  smClockMhz: 345,
  memoryClockMhz: 2_619,
  videoClockMhz: 765,
  clockReasons: 0x24,
  encoderPercent: 11,
  decoderPercent: 12,
  jpegPercent: 13,
  ofaPercent: 14,
  recoveryAction: 1,
  energyMj: 5_000_500,
  powerLimitMw: 690_000,
  pstate: 2,
  marginC: 59,
  throttleNs: {
    power: 1_000_000_000,
    thermal: 2_000_000_000,
    syncBoost: 3_000_000_000,
    boardLimit: 4_000_000_000,
    lowUtilization: 5_000_000_000,
    reliability: 6_000_000_000,
    swThermal: 7_000_000_000,
    hwThermal: 8_000_000_000,
    hwPowerBrake: 9_000_000_000,
  },
  ecc: {
    enabled: 1,
    pendingMode: 1,
    volatileCorrected: 101,
    volatileUncorrected: 102,
    aggregateCorrected: 103,
    aggregateUncorrected: 104,
  },
  sram: { thresholdExceeded: 1 },
  retiredPages: { singleBit: 105, doubleBit: 106, pending: 1 },
  remappedRows: { correctable: 107, uncorrectable: 108, pending: 1, failed: 0 },
  remapHistogram: { max: 2_560, high: 4, partial: 3, low: 2, none: 1 },
  pcie: {
    generation: 1,
    width: 8,
    maxGeneration: 1,
    maxWidth: 16,
    replays: 109,
    correctable: 110,
    nonFatal: 111,
    fatal: 112,
    txBytes: 5_000,
    rxBytes: 6_000,
  },
  nvlink: {
    links: 18,
    active: 17,
    txKib: 200,
    rxKib: 300,
    crcFlit: 113,
    crcData: 114,
    replays: 115,
    recoveries: 116,
  },
  fabric: { state: 3, status: 0, summary: 2, healthMask: 0 },
  processes: [{ pid: 4_711, memoryMib: 500, kind: "compute" }],
};

const TOLD: Readonly<Partial<Record<GpuReadingName, number>>> = {
  utilization: 0.4,
  memoryInterfaceUtilization: 0.17,
  memoryUsed: 1_000 * MIB,
  memoryFree: (143_771 - 614 - 1_000) * MIB,
  memoryReserved: 614 * MIB,
  temperature: 28,
  memoryTemperature: 36,
  power: 77.5,
  powerInstant: 78.25,
  smClock: 345e6,
  memoryClock: 2_619e6,
  clockEventReasons: 0x24,
  encoderUtilization: 0.11,
  decoderUtilization: 0.12,
  recoveryAction: 1,
  // Since the first reading.
  pcieTx: 0,
  pcieRx: 0,
  energy: 5_000.5,
  powerLimit: 690,
  videoClock: 765e6,
  performanceState: 2,
  temperatureMargin: 59,
  jpegUtilization: 0.13,
  ofaUtilization: 0.14,
  throttledPower: 1,
  throttledThermal: 2,
  throttledSyncBoost: 3,
  throttledBoardLimit: 4,
  throttledLowUtilization: 5,
  throttledReliability: 6,
  throttledSwThermal: 7,
  throttledHwThermal: 8,
  throttledHwPowerBrake: 9,
  eccVolatileCorrected: 101,
  eccVolatileUncorrected: 102,
  eccAggregateCorrected: 103,
  eccAggregateUncorrected: 104,
  sramThresholdExceeded: 1,
  retiredPagesSingleBit: 105,
  retiredPagesDoubleBit: 106,
  retiredPagesPending: 1,
  remappedRowsCorrectable: 107,
  remappedRowsUncorrectable: 108,
  rowRemapPending: 1,
  rowRemapFailed: 0,
  rowRemapBanksFull: 2_560,
  rowRemapBanksLow: 2,
  rowRemapBanksNone: 1,
  pcieGeneration: 1,
  pcieWidth: 8,
  pcieReplays: 109,
  pcieCorrectableErrors: 110,
  pcieNonFatalErrors: 111,
  pcieFatalErrors: 112,
  nvlinks: 18,
  nvlinksActive: 17,
  nvlinkTx: 200 * 1_024,
  nvlinkRx: 300 * 1_024,
  nvlinkCrcFlitErrors: 113,
  nvlinkCrcDataErrors: 114,
  nvlinkReplays: 115,
  nvlinkRecoveries: 116,
  fabricState: 3,
  fabricHealth: 2,
  processes: 1,
};

test("reads everything that a GPU says, each from its own place", async () => {
  const [sample] = samplesOf(openOn(await placeScenario({ gpus: [TALKATIVE] })));
  const said = Object.fromEntries(
    Object.keys(TOLD).map((name) => [name, read(sample, name as GpuReadingName)]),
  );
  expect(said).toEqual(Object.fromEntries(Object.entries(TOLD).map(([name, told]) => [name, value(told)])));
  // What the table above leaves out are the readings of GPM.
  const left = GPU_READING_NAMES.filter((name) => TOLD[name] === undefined);
  expect(left.every((name) => GPU_READINGS[name].group === "gpm")).toBe(true);
  expect(sample?.processes).toMatchObject([{ pid: 4_711, memoryBytes: 500 * MIB, kind: "compute" }]);
});

test("knows everything that a card says of itself", async () => {
  const [gpu] = openOn(await placeScenario({ gpus: [TALKATIVE] })).source.gpus;
  expect(gpu).toMatchObject({
    name: { kind: "value", value: "NVIDIA H200" },
    memoryTotalBytes: value(143_771 * MIB),
    details: {
      minor: value(3),
      serial: { kind: "value", value: "1654321000001" },
      vbios: { kind: "value", value: "96.00.A0.00.01" },
      partNumber: { kind: "value", value: "900-2G520-0040-000" },
      architecture: value(9),
      virtualization: value(1),
      numaNode: value(2),
      powerLimitDefault: value(700),
      powerLimitMax: value(710),
      smClockMax: value(1_980e6),
      memoryClockMax: value(3_201e6),
      pcieGenerationMax: value(1),
      pcieWidthMax: value(16),
      slowdownTemperature: value(89),
      shutdownTemperature: value(94),
      memoryTemperatureMax: value(95),
      eccEnabled: { kind: "value", value: true },
    },
  });
});
