// GPUs and what they say, for tests: an identity with everything known, samples with the values that a test is about.

import type { GpuHolder } from "../../shared/model/gpu-allocation.ts";
import { failedReadings, readingsOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName, Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, GpuSource } from "../../shared/model/gpu.ts";
import { GPU_IS_LOST } from "../../shared/model/nvml-status.ts";
import { bytes, celsius, hertz, watts } from "../../shared/model/units.ts";

export function value<T>(of: T): Reading<T> {
  return { kind: "value", value: of };
}

const MIB = 1024 * 1024;
const UNSUPPORTED = { kind: "unsupported", code: 3 } as const;

/** An H200 in place `index`, whose UUID is `GPU-<index>`. */
export function aGpu(index: number, overrides: Partial<GpuIdentity> = {}): GpuIdentity {
  return {
    index,
    uuid: `GPU-${index}`,
    name: value("NVIDIA H200"),
    busId: value(`0000:${(0x3b + index).toString(16)}:00.0`),
    memoryTotalBytes: value(bytes(143_771 * MIB)),
    details: {
      minor: value(index),
      serial: value(`165432100000${index}`),
      vbios: value("96.00.A0.00.01"),
      partNumber: value("900-2G520-0040-000"),
      architecture: value(9),
      virtualization: value(1),
      numaNode: UNSUPPORTED,
      powerLimitDefault: value(watts(700)),
      powerLimitMax: value(watts(700)),
      smClockMax: value(hertz(1_980_000_000)),
      memoryClockMax: value(hertz(3_201_000_000)),
      pcieGenerationMax: value(5),
      pcieWidthMax: value(16),
      slowdownTemperature: value(celsius(89)),
      shutdownTemperature: value(celsius(95)),
      memoryTemperatureMax: value(celsius(95)),
      eccEnabled: value(true),
      gpm: value(true),
    },
    mig: { kind: "off" },
    ...overrides,
  };
}

export function aSample(
  index: number,
  values: Readonly<Partial<Record<GpuReadingName, number>>> = { utilization: 0.5 },
  overrides: Partial<GpuSample> = {},
): GpuSample {
  return {
    uuid: `GPU-${index}`,
    state: "present",
    readings: readingsOf(values),
    instances: [],
    processes: null,
    ...overrides,
  };
}

export function aLostGpu(index: number): GpuSample {
  return aSample(index, {}, { state: "lost", readings: failedReadings(GPU_IS_LOST) });
}

/** The container `main` of the pod `team-a/train-0`, which has the whole GPU `GPU-0`. */
export function aHolder(overrides: Partial<GpuHolder> = {}): GpuHolder {
  return {
    namespace: "team-a",
    pod: "train-0",
    container: "main",
    resource: "nvidia.com/gpu",
    device: "GPU-0",
    gpu: "GPU-0",
    instance: null,
    replica: null,
    ...overrides,
  };
}

export function ready(...gpus: readonly GpuIdentity[]): GpuSource {
  return { state: "ready", driver: "580.95.05", gpus };
}
