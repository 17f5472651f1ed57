// The shipped agent on a double whose GPU has another number for everything: each reading is the number that is meant,
// in its unit, and no other. What the agent makes of odd answers is tested beside its files.

import { expect, test } from "vitest";

import { GPU_READING_NAMES, readingOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import { millis } from "../../shared/model/units.ts";
import { openOn, placeScenario, samplesOf } from "../build/generation.ts";
import { tellingGpu } from "./fixture.ts";
import type { ScenarioGpu } from "./scenario.ts";

const MIB = 1_048_576;
const KIB = 1_024;

const EXPECTED: Readonly<Record<GpuReadingName, number>> = {
  utilization: 0.4,
  memoryInterfaceUtilization: 0.2,
  memoryUsed: 1_000 * MIB,
  memoryFree: (143_771 - 614 - 1_000) * MIB,
  memoryReserved: 614 * MIB,
  temperature: 28,
  memoryTemperature: 45,
  power: 77.5,
  powerInstant: 81.25,
  smClock: 1.9e9,
  memoryClock: 3.201e9,
  clockEventReasons: 1,
  encoderUtilization: 0.03,
  decoderUtilization: 0.04,
  recoveryAction: 4,
  // What came between the two samples.
  pcieTx: 1_000,
  pcieRx: 2_000,
  energy: 9_876_543,
  powerLimit: 650,
  videoClock: 1.545e9,
  performanceState: 2,
  temperatureMargin: 57,
  jpegUtilization: 0.05,
  ofaUtilization: 0.06,
  throttledPower: 3.079350624,
  throttledThermal: 11,
  throttledSyncBoost: 12,
  throttledBoardLimit: 13,
  throttledLowUtilization: 14,
  throttledReliability: 15,
  throttledSwThermal: 18,
  throttledHwThermal: 19,
  throttledHwPowerBrake: 21,
  eccVolatileCorrected: 31,
  eccVolatileUncorrected: 22,
  eccAggregateCorrected: 33,
  eccAggregateUncorrected: 7,
  sramThresholdExceeded: 1,
  retiredPagesSingleBit: 24,
  retiredPagesDoubleBit: 25,
  retiredPagesPending: 1,
  remappedRowsCorrectable: 26,
  remappedRowsUncorrectable: 27,
  rowRemapPending: 1,
  rowRemapFailed: 0,
  rowRemapBanksFull: 28,
  rowRemapBanksLow: 32,
  rowRemapBanksNone: 34,
  pcieGeneration: 2,
  pcieWidth: 1,
  pcieReplays: 17,
  pcieCorrectableErrors: 19,
  pcieNonFatalErrors: 35,
  pcieFatalErrors: 37,
  nvlinks: 18,
  nvlinksActive: 9,
  nvlinkTx: 7_340_032 * KIB,
  nvlinkRx: 8_388_608 * KIB,
  nvlinkCrcFlitErrors: 38,
  nvlinkCrcDataErrors: 39,
  nvlinkReplays: 41,
  nvlinkRecoveries: 42,
  fabricState: 2,
  fabricHealth: 3,
  processes: 1,
  gpmGraphicsActive: 0.61,
  gpmSmActive: 0.52,
  gpmSmOccupancy: 0.235,
  gpmTensorActive: 0.1225,
  gpmDramActive: 0.345,
  gpmFp64Active: 0.015,
  gpmFp32Active: 0.025,
  gpmFp16Active: 0.035,
  gpmPcieTx: 1_024 * MIB,
  gpmPcieRx: 2_048 * MIB,
  gpmNvlinkTx: 8_192 * MIB,
  gpmNvlinkRx: 4_096 * MIB,
};

function sending(txBytes: number, rxBytes: number): ScenarioGpu {
  const gpu = tellingGpu(0);
  return { ...gpu, pcie: { ...gpu.pcie, txBytes, rxBytes } };
}

test("the agent reads each number as what it is", async () => {
  const rules = [{ kind: "delay", call: "nvmlGpmSampleGet", us: 110_000 }] as const;
  const double = await placeScenario({ gpus: [sending(5_000, 6_000)], rules });
  const generation = openOn(double);
  samplesOf(generation);
  double.write({ gpus: [sending(6_000, 8_000)], rules });
  const [sample] = samplesOf(generation, millis(1_000));
  if (sample === undefined) throw new Error("no sample");
  const { readings } = sample;
  // To twelve digits: a change of unit may cost the last ones.
  const seen = GPU_READING_NAMES.map((name) => {
    const reading = readingOf(readings, name);
    return [name, reading.kind === "value" ? Number(reading.value.toPrecision(12)) : reading] as const;
  });
  expect(Object.fromEntries(seen)).toEqual(EXPECTED);
});
