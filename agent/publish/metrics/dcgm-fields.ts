// What the agent can say under the names of NVIDIA's dcgm-exporter, and in the units of those names: MHz, MiB, mJ, ns
// and percents where its own names have base units. What is not served, and why, stands in a file of its own.

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuDetails } from "../../../shared/model/gpu.ts";

/** What one series is about: a GPU, or a GPU instance of one. */
export interface DcgmSubject {
  /** Undefined where there is no value. */
  readonly read: (name: GpuReadingName) => number | undefined;
  readonly detail: (name: "slowdownTemperature" | "shutdownTemperature") => number | undefined;
  readonly memoryTotal: number | undefined;
  readonly lastXid: number;
  /** Bytes a second over all NVLinks, both ways. */
  readonly nvlinkRate: number | undefined;
}

export interface DcgmField {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** In the default list of dcgm-exporter. */
  readonly standard: boolean;
  readonly help: string;
  readonly value: (subject: DcgmSubject) => number | undefined;
}

const MIB = 1024 * 1024;

const PREFIX = "DCGM_FI_";
/** The one name whose series carry labels of their own. */
export const XID_ERRORS = `${PREFIX}DEV_XID_ERRORS`;

const standard = true;
const more = false;

export const DCGM_FIELDS: readonly DcgmField[] = [
  field(standard, "gauge", "DEV_SM_CLOCK", "SM clock, in MHz", scaled("smClock", 1e-6)),
  field(standard, "gauge", "DEV_MEM_CLOCK", "Memory clock, in MHz", scaled("memoryClock", 1e-6)),
  field(more, "gauge", "DEV_VIDEO_CLOCK", "Clock of the video engines, in MHz", scaled("videoClock", 1e-6)),
  field(standard, "gauge", "DEV_MEMORY_TEMP", "Temperature of the memory, in °C", plain("memoryTemperature")),
  field(standard, "gauge", "DEV_GPU_TEMP", "Temperature of the GPU, in °C", plain("temperature")),
  field(more, "gauge", "DEV_SLOWDOWN_TEMP", "Temperature at which clocks fall, in °C", (subject) =>
    subject.detail("slowdownTemperature"),
  ),
  field(more, "gauge", "DEV_SHUTDOWN_TEMP", "Temperature at which the GPU stops, in °C", (subject) =>
    subject.detail("shutdownTemperature"),
  ),
  field(standard, "gauge", "DEV_POWER_USAGE", "Power drawn, in W", plain("power")),
  field(more, "gauge", "DEV_POWER_USAGE_INSTANT", "Power drawn at the moment, in W", plain("powerInstant")),
  field(more, "gauge", "DEV_ENFORCED_POWER_LIMIT", "Power limit in force, in W", plain("powerLimit")),
  field(
    standard,
    "counter",
    "DEV_TOTAL_ENERGY_CONSUMPTION",
    "Energy since the driver was loaded, in mJ",
    scaled("energy", 1e3, Math.round),
  ),
  field(more, "gauge", "DEV_PSTATE", "Performance state, 0 the highest", plain("performanceState")),
  field(standard, "counter", "DEV_PCIE_REPLAY_COUNTER", "PCIe packets sent again", plain("pcieReplays")),
  field(more, "gauge", "DEV_PCIE_LINK_GEN", "PCIe generation of the link", plain("pcieGeneration")),
  field(more, "gauge", "DEV_PCIE_LINK_WIDTH", "PCIe lanes in use", plain("pcieWidth")),
  field(standard, "gauge", "DEV_GPU_UTIL", "GPU utilisation, in %", percent("utilization")),
  field(
    standard,
    "gauge",
    "DEV_MEM_COPY_UTIL",
    "Utilisation of the memory interface, in %",
    percent("memoryInterfaceUtilization"),
  ),
  field(standard, "gauge", "DEV_ENC_UTIL", "Encoder utilisation, in %", percent("encoderUtilization")),
  field(standard, "gauge", "DEV_DEC_UTIL", "Decoder utilisation, in %", percent("decoderUtilization")),
  field(
    standard,
    "gauge",
    XID_ERRORS.replace(PREFIX, ""),
    "Last XID since the agent began, 0 when there was none",
    ({ lastXid }) => lastXid,
  ),
  field(more, "gauge", "DEV_CLOCKS_EVENT_REASONS", "Bit mask of clock events", plain("clockEventReasons")),
  field(
    more,
    "gauge",
    "DEV_CLOCK_THROTTLE_REASONS",
    "The same under its older name",
    plain("clockEventReasons"),
  ),
  violation("DEV_POWER_VIOLATION", "the power limit", "throttledPower"),
  violation("DEV_THERMAL_VIOLATION", "a thermal limit", "throttledThermal"),
  violation("DEV_SYNC_BOOST_VIOLATION", "sync boost", "throttledSyncBoost"),
  violation("DEV_BOARD_LIMIT_VIOLATION", "the board's limit", "throttledBoardLimit"),
  violation("DEV_LOW_UTIL_VIOLATION", "low utilisation", "throttledLowUtilization"),
  violation("DEV_RELIABILITY_VIOLATION", "the reliability limit", "throttledReliability"),
  field(more, "gauge", "DEV_FB_TOTAL", "Memory in all, in MiB", ({ memoryTotal }) => inMib(memoryTotal)),
  field(standard, "gauge", "DEV_FB_FREE", "Memory that is free, in MiB", ({ read }) =>
    inMib(read("memoryFree")),
  ),
  field(standard, "gauge", "DEV_FB_USED", "Memory in use, in MiB", ({ read }) => inMib(read("memoryUsed"))),
  field(standard, "gauge", "DEV_FB_RESERVED", "Memory that the driver keeps, in MiB", ({ read }) =>
    inMib(read("memoryReserved")),
  ),
  field(
    more,
    "gauge",
    "DEV_FB_USED_PERCENT",
    "Share of memory in use, 0 to 1 in spite of the name",
    ({ read, memoryTotal }) => {
      const used = read("memoryUsed");
      const usable = (memoryTotal ?? Number.NaN) - (read("memoryReserved") ?? Number.NaN);
      return used !== undefined && usable > 0 ? used / usable : undefined;
    },
  ),
  counted("DEV_ECC_SBE_VOL_TOTAL", "Corrected errors since the driver was loaded", "eccVolatileCorrected"),
  counted(
    "DEV_ECC_DBE_VOL_TOTAL",
    "Uncorrected errors since the driver was loaded",
    "eccVolatileUncorrected",
  ),
  counted("DEV_ECC_SBE_AGG_TOTAL", "Corrected errors in the life of the card", "eccAggregateCorrected"),
  counted("DEV_ECC_DBE_AGG_TOTAL", "Uncorrected errors in the life of the card", "eccAggregateUncorrected"),
  counted("DEV_RETIRED_SBE", "Pages retired for single-bit errors", "retiredPagesSingleBit"),
  counted("DEV_RETIRED_DBE", "Pages retired for double-bit errors", "retiredPagesDoubleBit"),
  counted("DEV_RETIRED_PENDING", "1 when a page waits to be retired", "retiredPagesPending"),
  field(
    standard,
    "counter",
    "DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "Rows remapped for uncorrectable errors",
    plain("remappedRowsUncorrectable"),
  ),
  field(
    standard,
    "counter",
    "DEV_CORRECTABLE_REMAPPED_ROWS",
    "Rows remapped for correctable errors",
    plain("remappedRowsCorrectable"),
  ),
  field(
    standard,
    "gauge",
    "DEV_ROW_REMAP_FAILURE",
    "1 when a row could not be remapped",
    plain("rowRemapFailed"),
  ),
  field(
    more,
    "gauge",
    "DEV_ROW_REMAP_PENDING",
    "1 when a row waits to be remapped",
    plain("rowRemapPending"),
  ),
  field(
    standard,
    "counter",
    "DEV_NVLINK_BANDWIDTH_TOTAL",
    "Rate over all NVLinks, in thousands of KiB a second: a rate although it is called a counter, as ever",
    ({ nvlinkRate }) => (nvlinkRate === undefined ? undefined : nvlinkRate / 1024 / 1000),
  ),
  counted("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "NVLink flow-control errors", "nvlinkCrcFlitErrors"),
  counted("DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "NVLink data errors", "nvlinkCrcDataErrors"),
  counted("DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "NVLink packets sent again", "nvlinkReplays"),
  counted("DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "NVLinks brought up again", "nvlinkRecoveries"),
  profiled(standard, "GR_ENGINE_ACTIVE", "graphics or compute engine active", "gpmGraphicsActive"),
  profiled(more, "SM_ACTIVE", "a multiprocessor holding work", "gpmSmActive"),
  profiled(more, "SM_OCCUPANCY", "warps resident of those possible", "gpmSmOccupancy"),
  profiled(standard, "PIPE_TENSOR_ACTIVE", "tensor cores active", "gpmTensorActive"),
  profiled(standard, "DRAM_ACTIVE", "memory bandwidth used", "gpmDramActive"),
  profiled(more, "PIPE_FP64_ACTIVE", "FP64 pipes active", "gpmFp64Active"),
  profiled(more, "PIPE_FP32_ACTIVE", "FP32 pipes active", "gpmFp32Active"),
  profiled(more, "PIPE_FP16_ACTIVE", "FP16 pipes active", "gpmFp16Active"),
  rate(standard, "PCIE_TX_BYTES", "sent over PCIe", "gpmPcieTx"),
  rate(standard, "PCIE_RX_BYTES", "received over PCIe", "gpmPcieRx"),
  rate(more, "NVLINK_TX_BYTES", "sent over NVLink", "gpmNvlinkTx"),
  rate(more, "NVLINK_RX_BYTES", "received over NVLink", "gpmNvlinkRx"),
];

/** Names that may stand in a list as labels: they are put on every series. */
export const DCGM_LABELS: Readonly<
  Record<
    string,
    { readonly standard: boolean; readonly help: string; readonly from: "driver" | keyof GpuDetails }
  >
> = {
  DCGM_FI_DRIVER_VERSION: { standard: true, help: "Version of the driver", from: "driver" },
  DCGM_FI_DEV_SERIAL: { standard: false, help: "Serial number of the board", from: "serial" },
  DCGM_FI_DEV_VBIOS_VERSION: { standard: false, help: "Version of the board's BIOS", from: "vbios" },
};

function field(
  isStandard: boolean,
  type: DcgmField["type"],
  name: string,
  help: string,
  value: DcgmField["value"],
): DcgmField {
  return { name: `${PREFIX}${name}`, type, standard: isStandard, help, value };
}

function counted(name: string, help: string, reading: GpuReadingName): DcgmField {
  return field(more, "counter", name, help, plain(reading));
}

function violation(name: string, because: string, reading: GpuReadingName): DcgmField {
  const help = `Time of lowered clocks because of ${because}, in ns`;
  return field(more, "counter", name, help, scaled(reading, 1e9, Math.round));
}

function profiled(isStandard: boolean, name: string, what: string, reading: GpuReadingName): DcgmField {
  return field(isStandard, "gauge", `PROF_${name}`, `Share of ${what}; Hopper and newer`, plain(reading));
}

function rate(isStandard: boolean, name: string, what: string, reading: GpuReadingName): DcgmField {
  return field(
    isStandard,
    "gauge",
    `PROF_${name}`,
    `Bytes a second ${what}; Hopper and newer`,
    plain(reading),
  );
}

function plain(reading: GpuReadingName): DcgmField["value"] {
  return ({ read }) => read(reading);
}

/** Products of a unit are rounded where DCGM's value is a whole number: 0.29 × 100 is 28.999999999999996. */
function scaled(
  reading: GpuReadingName,
  factor: number,
  round: (value: number) => number = (value) => value,
): DcgmField["value"] {
  return ({ read }) => {
    const value = read(reading);
    return value === undefined ? undefined : round(value * factor);
  };
}

function percent(reading: GpuReadingName): DcgmField["value"] {
  return scaled(reading, 100, Math.round);
}

/** DCGM's integer division. */
function inMib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.floor(bytes / MIB);
}
