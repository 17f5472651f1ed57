// Every number that a GPU, or a MIG instance of one, can be asked for: its name, unit and rhythm. Readings travel
// packed, as one row of values and one row of the driver's codes in the order of this table, so that a cycle of many
// GPUs is two arrays each and nothing is allocated for a reading until somebody looks at it.

import { meaningOf, NOT_ASKED, SUCCESS } from "./nvml-status.ts";

/**
 * `fast`: each cycle. `slow`: each 10 s, for what changes seldom or costs much. `gpm`: from two samples of the GPU's
 * own counters, Hopper and newer.
 */
export type ReadingGroup = "fast" | "slow" | "gpm";
export type ReadingUnit =
  | "ratio"
  | "bytes"
  | "bytes/s"
  | "celsius"
  | "watts"
  | "joules"
  | "hertz"
  | "seconds"
  /** A whole number: a count, or a value of an enumeration of the driver's. */
  | "number";

interface ReadingRow {
  readonly unit: ReadingUnit;
  readonly group: ReadingGroup;
  /** `counter`: only grows until the driver is loaded again or the GPU is reset. */
  readonly type: "gauge" | "counter";
  /** One sentence for the reference pages, without a full stop. */
  readonly what: string;
}

export const GPU_READINGS = {
  utilization: gauge("fast", "ratio", "Share of the driver's last sampling window in which a kernel ran"),
  memoryInterfaceUtilization: gauge(
    "fast",
    "ratio",
    "Share of the window in which the memory interface was busy; says nothing about how full the memory is",
  ),
  memoryUsed: gauge("fast", "bytes", "GPU memory in use, without what the driver keeps for itself"),
  memoryFree: gauge("fast", "bytes", "GPU memory that is free"),
  memoryReserved: gauge("fast", "bytes", "GPU memory that the driver keeps for itself"),
  temperature: gauge("fast", "celsius", "Temperature of the GPU core"),
  memoryTemperature: gauge("fast", "celsius", "Temperature of the memory, on cards with HBM"),
  power: gauge("fast", "watts", "Power drawn by the board, averaged over about a second by the driver"),
  powerInstant: gauge("fast", "watts", "Power drawn by the board at the moment"),
  smClock: gauge("fast", "hertz", "Clock of the streaming multiprocessors"),
  memoryClock: gauge("fast", "hertz", "Clock of the memory"),
  clockEventReasons: gauge("fast", "number", "Bit mask of the reasons why clocks are not at their highest"),
  encoderUtilization: gauge("fast", "ratio", "Share of the window in which the video encoder was busy"),
  decoderUtilization: gauge("fast", "ratio", "Share of the window in which the video decoder was busy"),
  recoveryAction: gauge(
    "fast",
    "number",
    "What the driver asks for: 0 nothing, 1 reset the GPU, 2 reboot, 3 drain peer-to-peer, 4 drain and reset",
  ),
  pcieTx: counter(
    "fast",
    "bytes",
    "Bytes sent over PCIe, where the 32-bit counter is read before it wraps twice",
  ),
  pcieRx: counter(
    "fast",
    "bytes",
    "Bytes received over PCIe, where the 32-bit counter is read before it wraps twice",
  ),

  energy: counter("slow", "joules", "Energy since the driver was loaded"),
  powerLimit: gauge("slow", "watts", "Power limit in force"),
  videoClock: gauge("slow", "hertz", "Clock of the video engines"),
  performanceState: gauge("slow", "number", "Performance state, 0 the highest to 15 the lowest"),
  temperatureMargin: gauge("slow", "celsius", "Degrees left until clocks are lowered; 0 or less is too hot"),
  jpegUtilization: gauge("slow", "ratio", "Share of the window in which the JPEG engines were busy"),
  ofaUtilization: gauge("slow", "ratio", "Share of the window in which the optical flow engine was busy"),
  throttledPower: counter("slow", "seconds", "Time below the wanted clocks because of the power limit"),
  throttledThermal: counter("slow", "seconds", "Time below the wanted clocks because of a thermal limit"),
  throttledSyncBoost: counter("slow", "seconds", "Time below the wanted clocks because of sync boost"),
  throttledBoardLimit: counter(
    "slow",
    "seconds",
    "Time below the wanted clocks because of the board's limit",
  ),
  throttledLowUtilization: counter("slow", "seconds", "Time below the highest clocks for want of work"),
  throttledReliability: counter(
    "slow",
    "seconds",
    "Time below the wanted clocks because of the reliability limit",
  ),
  throttledSwThermal: counter("slow", "seconds", "Time slowed by software because of temperature"),
  throttledHwThermal: counter("slow", "seconds", "Time slowed by hardware because of temperature"),
  throttledHwPowerBrake: counter("slow", "seconds", "Time slowed by the external power brake"),
  eccVolatileCorrected: counter("slow", "number", "Corrected memory errors since the driver was loaded"),
  eccVolatileUncorrected: counter("slow", "number", "Uncorrected memory errors since the driver was loaded"),
  eccAggregateCorrected: counter("slow", "number", "Corrected memory errors in the life of the card"),
  eccAggregateUncorrected: counter("slow", "number", "Uncorrected memory errors in the life of the card"),
  sramThresholdExceeded: gauge(
    "slow",
    "number",
    "1 when the errors of the on-chip memory call for replacement",
  ),
  retiredPagesSingleBit: counter(
    "slow",
    "number",
    "Pages retired for repeated single-bit errors, before Ampere",
  ),
  retiredPagesDoubleBit: counter("slow", "number", "Pages retired for double-bit errors, before Ampere"),
  retiredPagesPending: gauge(
    "slow",
    "number",
    "1 when a page waits for a reset to be retired, before Ampere",
  ),
  remappedRowsCorrectable: counter("slow", "number", "Rows of memory remapped for correctable errors"),
  remappedRowsUncorrectable: counter("slow", "number", "Rows of memory remapped for uncorrectable errors"),
  rowRemapPending: gauge("slow", "number", "1 when a row waits for a reset to be remapped"),
  rowRemapFailed: gauge("slow", "number", "1 when a row could not be remapped: the card is to be replaced"),
  rowRemapBanksFull: gauge("slow", "number", "Memory banks with all their spare rows"),
  rowRemapBanksLow: gauge("slow", "number", "Memory banks with few spare rows left"),
  rowRemapBanksNone: gauge("slow", "number", "Memory banks without a spare row left"),
  pcieGeneration: gauge("slow", "number", "PCIe generation of the link at the moment; falls when idle"),
  pcieWidth: gauge("slow", "number", "PCIe lanes in use"),
  pcieReplays: counter("slow", "number", "PCIe packets that had to be sent again"),
  pcieCorrectableErrors: counter("slow", "number", "PCIe errors that the link corrected"),
  pcieNonFatalErrors: counter("slow", "number", "PCIe errors that were not fatal"),
  pcieFatalErrors: counter("slow", "number", "PCIe errors that were fatal"),
  nvlinks: gauge("slow", "number", "NVLinks of the GPU"),
  nvlinksActive: gauge("slow", "number", "NVLinks that are up"),
  nvlinkTx: counter("slow", "bytes", "Payload bytes sent over all NVLinks"),
  nvlinkRx: counter("slow", "bytes", "Payload bytes received over all NVLinks"),
  nvlinkCrcFlitErrors: counter("slow", "number", "NVLink flow-control errors, all links"),
  nvlinkCrcDataErrors: counter("slow", "number", "NVLink data errors, all links"),
  nvlinkReplays: counter("slow", "number", "NVLink packets that had to be sent again, all links"),
  nvlinkRecoveries: counter("slow", "number", "NVLinks that had to be brought up again, all links"),
  fabricState: gauge(
    "slow",
    "number",
    "Registration with the NVLink fabric: 0 not supported, 1 not started, 2 in progress, 3 completed",
  ),
  fabricHealth: gauge(
    "slow",
    "number",
    "Health of the NVLink fabric: 0 not supported, 1 healthy, 2 unhealthy, 3 limited",
  ),
  processes: gauge("slow", "number", "Processes on the GPU that the agent's PID namespace can see"),

  gpmGraphicsActive: gauge("gpm", "ratio", "Share of time in which a graphics or compute engine was active"),
  gpmSmActive: gauge("gpm", "ratio", "Share of time in which a multiprocessor held work, mean of all"),
  gpmSmOccupancy: gauge("gpm", "ratio", "Share of the warps that could be resident and were"),
  gpmTensorActive: gauge("gpm", "ratio", "Share of time in which tensor cores were active"),
  gpmDramActive: gauge("gpm", "ratio", "Share of the memory bandwidth that was used"),
  gpmFp64Active: gauge("gpm", "ratio", "Share of time in which the FP64 pipes were active"),
  gpmFp32Active: gauge("gpm", "ratio", "Share of time in which the FP32 pipes were active"),
  gpmFp16Active: gauge("gpm", "ratio", "Share of time in which the FP16 pipes were active"),
  gpmPcieTx: gauge("gpm", "bytes/s", "Rate of bytes sent over PCIe"),
  gpmPcieRx: gauge("gpm", "bytes/s", "Rate of bytes received over PCIe"),
  gpmNvlinkTx: gauge("gpm", "bytes/s", "Rate of bytes sent over all NVLinks"),
  gpmNvlinkRx: gauge("gpm", "bytes/s", "Rate of bytes received over all NVLinks"),
} as const satisfies Readonly<Record<string, ReadingRow>>;

export type GpuReadingName = keyof typeof GPU_READINGS;

export const GPU_READING_NAMES = Object.keys(GPU_READINGS) as readonly GpuReadingName[];

/** Where each reading stands in the rows. */
export const READING_AT: Readonly<Record<GpuReadingName, number>> = Object.fromEntries(
  GPU_READING_NAMES.map((name, at) => [name, at]),
) as Record<GpuReadingName, number>;

/** One field of one GPU at one moment. `code` is the driver's return code (nvmlReturn_t), or ours below 0. */
export type Reading<T> =
  | { readonly kind: "value"; readonly value: T }
  /** This card or this driver cannot tell. */
  | { readonly kind: "unsupported"; readonly code: number }
  | { readonly kind: "failed"; readonly code: number }
  /** Not asked yet. */
  | { readonly kind: "pending"; readonly code: number };

/** One entity's readings: `values[i]` means something where `codes[i]` is SUCCESS. In the order of the table. */
export interface GpuReadings {
  readonly values: Float64Array;
  readonly codes: Int16Array;
}

/** Rows in which nothing was asked yet. */
export function emptyReadings(): GpuReadings {
  const length = GPU_READING_NAMES.length;
  return { values: new Float64Array(length).fill(Number.NaN), codes: new Int16Array(length).fill(NOT_ASKED) };
}

/** Rows in which everything failed in the same way. */
export function failedReadings(code: number): GpuReadings {
  const readings = emptyReadings();
  readings.codes.fill(code);
  return readings;
}

/** Rows with these values, and nothing else asked. For tests and replays. */
export function readingsOf(values: Readonly<Partial<Record<GpuReadingName, number>>>): GpuReadings {
  const readings = emptyReadings();
  for (const name of GPU_READING_NAMES) {
    const value = values[name];
    if (value !== undefined) writeReading(readings, name, value);
  }
  return readings;
}

export function writeReading(readings: GpuReadings, name: GpuReadingName, value: number): void {
  readings.values[READING_AT[name]] = value;
  readings.codes[READING_AT[name]] = SUCCESS;
}

export function writeCode(readings: GpuReadings, name: GpuReadingName, code: number): void {
  readings.values[READING_AT[name]] = Number.NaN;
  readings.codes[READING_AT[name]] = code;
}

/** The value, or undefined when there is none for whatever reason. */
export function valueOf(readings: GpuReadings, name: GpuReadingName): number | undefined {
  const at = READING_AT[name];
  return readings.codes[at] === SUCCESS ? readings.values[at] : undefined;
}

export function readingOf(readings: GpuReadings, name: GpuReadingName): Reading<number> {
  const at = READING_AT[name];
  const code = readings.codes[at] ?? NOT_ASKED;
  if (code === SUCCESS) return { kind: "value", value: readings.values[at] ?? Number.NaN };
  return { kind: kindOf(code), code };
}

/** What a code other than SUCCESS makes of a reading. */
export function kindOf(code: number): Exclude<Reading<never>["kind"], "value"> {
  const meaning = meaningOf(code);
  return meaning === "unsupported" || meaning === "pending" ? meaning : "failed";
}

type Row<G extends ReadingGroup, T extends "gauge" | "counter"> = ReadingRow & {
  readonly group: G;
  readonly type: T;
};

function gauge<const G extends ReadingGroup>(group: G, unit: ReadingUnit, what: string): Row<G, "gauge"> {
  return { group, unit, type: "gauge", what };
}

function counter<const G extends ReadingGroup>(group: G, unit: ReadingUnit, what: string): Row<G, "counter"> {
  return { group, unit, type: "counter", what };
}
