// A double of a test's own: its library, scenario and counters in a directory that goes when the test ends.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { placeDouble } from "./build.ts";
import type { BuildOptions } from "./build.ts";
import { readCounters } from "./counters.ts";
import type { Counters } from "./counters.ts";
import { writeScenario } from "./scenario.ts";
import type { Scenario, ScenarioGpu } from "./scenario.ts";

export interface Double extends Disposable {
  readonly directory: string;
  /** Where the agent's binding finds this double. */
  readonly library: LibraryOptions;
  /** In force from the next call on; strict, unless it says otherwise. */
  readonly write: (scenario: Scenario) => void;
  readonly counters: () => Counters;
}

/** The mask of events that an H100 with driver 580.159 was seen to report. */
export const EVENTS_SEEN = 0xff9f;

/**
 * A busy H200 in good health with a value for everything. Values differ from each other, and from GPU to GPU, so that
 * a swap would show; only where health asks for 0 is there one.
 */
export function healthyGpu(index: number): ScenarioGpu {
  return {
    uuid: `GPU-${String(index).padStart(8, "0")}-aaaa-bbbb-cccc-dddddddddddd`,
    name: "NVIDIA H200",
    busId: `0000:${(0x3b + index).toString(16)}:00.0`,
    serial: `16524240${String(index).padStart(5, "0")}`,
    vbios: "96.00.CF.00.01",
    partNumber: "692-2G520-0200-500",
    arch: 9,
    brand: 1,
    computeMajor: 9,
    computeMinor: 0,
    minor: index,
    virtualization: 0,
    addressing: 1,
    persistence: 1,
    memoryTotalMib: 143_771,
    memoryReservedMib: 614,
    memoryUsedMib: 1_000 + index,
    bar1TotalMib: 262_144,
    bar1UsedMib: 3 + index,
    utilPercent: 40 + index,
    memoryUtilPercent: 20 + index,
    encoderPercent: 3,
    decoderPercent: 4,
    jpegPercent: 5,
    ofaPercent: 6,
    temperatureC: 28 + index,
    memoryTemperatureC: 45 + index,
    marginC: 57 - index,
    slowdownC: 89,
    shutdownC: 94,
    memoryMaxC: 95,
    gpuMaxC: 87,
    limitOffsets: { shutdownC: -7, slowdownC: -2, memoryMaxC: 1, gpuMaxC: 2 },
    powerMw: 77_500 + index,
    powerInstantMw: 81_250 + index,
    powerLimitMw: 650_000,
    powerDefaultLimitMw: 700_000,
    powerMinLimitMw: 200_000,
    powerMaxLimitMw: 710_000,
    energyMj: 9_876_543_000 + index,
    graphicsClockMhz: 1_890,
    smClockMhz: 1_900 + index,
    memoryClockMhz: 3_201,
    videoClockMhz: 1_545,
    graphicsClockMaxMhz: 1_985,
    smClockMaxMhz: 1_980,
    memoryClockMaxMhz: 3_210,
    videoClockMaxMhz: 1_795,
    clockReasons: 1,
    pstate: 2,
    recoveryAction: 0,
    throttleNs: {
      power: 3_079_350_624,
      thermal: 11_000_000_000,
      syncBoost: 12_000_000_000,
      boardLimit: 13_000_000_000,
      lowUtilization: 14_000_000_000,
      reliability: 15_000_000_000,
      appClocks: 16_000_000_000,
      baseClocks: 17_000_000_000,
      swThermal: 18_000_000_000,
      hwThermal: 19_000_000_000,
      hwPowerBrake: 21_000_000_000,
    },
    ecc: {
      enabled: 1,
      volatileCorrected: 31 + index,
      volatileUncorrected: 0,
      aggregateCorrected: 33 + index,
      aggregateUncorrected: 7,
    },
    sram: { thresholdExceeded: 0, aggregateCorrected: 8, volatileCorrected: 9 },
    remappedRows: { correctable: 36, uncorrectable: 1, pending: 0, failed: 0 },
    remapHistogram: { max: 3_840, high: 12, partial: 2, low: 0, none: 0 },
    pcie: {
      generation: 5,
      width: 16,
      maxGeneration: 5,
      maxWidth: 16,
      replays: 17,
      replayRollovers: 0,
      correctable: 19,
      nonFatal: 0,
      fatal: 0,
      txBytes: 123_456_789,
      rxBytes: 987_654_321,
      txKilobytesPerSecond: 1_200,
      rxKilobytesPerSecond: 2_300,
    },
    nvlink: {
      links: 18,
      active: 18,
      version: 4,
      speedMbps: 478_125,
      txKib: 7_340_032,
      rxKib: 8_388_608,
      rawTxKib: 8_074_035,
      rawRxKib: 9_227_468,
      crcFlit: 0,
      crcData: 0,
      replays: 0,
      recoveries: 0,
    },
    fabric: { state: 3, status: 0, clique: 1, healthMask: 0x2aa, summary: 1 },
    mig: { mode: 0, maxDevices: 7 },
    protectedKib: 0,
    unprotectedKib: 147_221_504,
    eventTypes: EVENTS_SEEN,
    // Beyond any process that the machine of a test has.
    processes: [{ pid: 4_190_000 + index, memoryMib: 900 + index, kind: "compute", sm: 38, memory: 18 }],
    gpm: {
      1: 61 + index,
      2: 52 + index,
      3: 23.5,
      5: 12.25,
      10: 34.5,
      11: 1.5,
      12: 2.5,
      13: 3.5,
      20: 1_024,
      21: 2_048,
      60: 4_096,
      61: 8_192,
    },
  };
}

/** As a healthy one, and where that has a 0 a number of its own: for tests of what is read, not of what it means. */
export function tellingGpu(index: number): ScenarioGpu {
  const gpu = healthyGpu(index);
  return {
    ...gpu,
    recoveryAction: 4,
    virtualization: 1,
    numaNode: 6,
    ecc: { ...gpu.ecc, volatileUncorrected: 22 },
    sram: {
      thresholdExceeded: 1,
      aggregateParity: 201,
      aggregateSecded: 202,
      aggregateCorrected: 203,
      volatileParity: 204,
      volatileSecded: 205,
      volatileCorrected: 206,
      bucketL2: 207,
      bucketSm: 208,
      bucketPcie: 209,
      bucketMcu: 210,
      bucketOther: 211,
    },
    retiredPages: { singleBit: 24, doubleBit: 25, pending: 1 },
    remappedRows: { correctable: 26, uncorrectable: 27, pending: 1, failed: 0 },
    remapHistogram: { max: 28, high: 29, partial: 30, low: 32, none: 34 },
    // A link so slow that the counters of its bytes cannot wrap unseen within a second.
    pcie: { ...gpu.pcie, generation: 2, maxGeneration: 3, width: 1, maxWidth: 4, nonFatal: 35, fatal: 37 },
    nvlink: { ...gpu.nvlink, active: 9, crcFlit: 38, crcData: 39, replays: 41, recoveries: 42 },
    fabric: { ...gpu.fabric, state: 2, summary: 3 },
  };
}

export function healthyGpus(count: number): readonly ScenarioGpu[] {
  return Array.from({ length: count }, (_, index) => healthyGpu(index));
}

export async function createDouble(scenario: Scenario, options: BuildOptions = {}): Promise<Double> {
  const directory = mkdtempSync(join(tmpdir(), "nvml-double-"));
  const revision = openSync(join(directory, "revision"), "w");
  let written = 0;
  const write = (next: Scenario): void => {
    writeScenario(join(directory, "scenario"), { recheckMs: 0, strict: true, ...next });
    writeSync(revision, Uint32Array.of(++written), 0, 4, 0);
  };
  write(scenario);
  await placeDouble(directory, options);
  return {
    directory,
    library: { path: directory, driverRoots: [] },
    write,
    counters: () => readCounters(join(directory, "counters")),
    [Symbol.dispose]: () => {
      closeSync(revision);
      rmSync(directory, { recursive: true });
    },
  };
}
