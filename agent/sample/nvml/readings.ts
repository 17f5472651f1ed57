// How each reading that has a call of its own is asked of the driver, and what the answer means. A decoder writes a
// number only after checking that it can be one; anything else becomes NO_DATA, so that nonsense inside a successful
// answer never reaches a series. Readings that are fields are in field-table.ts.

import { READING_AT } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import { NOT_SUPPORTED } from "../../../shared/model/nvml-status.ts";
import { ENUMS } from "./constants.ts";
import {
  FABRIC_INFO_V2,
  FABRIC_INFO_V3,
  MARGIN_TEMPERATURE_V1,
  MEMORY_V1,
  MEMORY_V2,
  REMAP_HISTOGRAM,
  SRAM_ECC_V1,
  TEMPERATURE_V1,
  UINT32_BYTES,
  UINT64_BYTES,
  UTILIZATION,
} from "./layout.ts";
import { pair, plain, put, putCode, selected, share, struct, uint32, uint64 } from "./question.ts";
import type { DecodedWay, Question, Way, WrittenWay } from "./question.ts";

/** What is beyond is not the power, the clock or the temperature of any card. */
const MOST_MILLIWATTS = 100_000_000;
const MOST_MEGAHERTZ = 100_000;
const HOTTEST = 1_000;
const COLDEST = -273;
const MOST_GENERATION = 15;
const MOST_LANES = 64;
const MOST_BANKS = 1_000_000;

const {
  memoryUsed: USED,
  memoryFree: FREE,
  memoryReserved: RESERVED,
  utilization: GPU,
  memoryInterfaceUtilization: INTERFACE,
  fabricState: FABRIC_STATE,
  fabricHealth: FABRIC_HEALTH,
} = READING_AT;

/** Each cycle. The fields of the fast group come on top: ten calls in all. */
export const FAST_QUESTIONS: readonly Question[] = [
  {
    readings: ["utilization", "memoryInterfaceUtilization"],
    ways: [
      written(struct("nvmlDeviceGetUtilizationRates", UTILIZATION), (view, readings) => {
        put(readings, GPU, share(view, UTILIZATION.members.gpu.at));
        put(readings, INTERFACE, share(view, UTILIZATION.members.memory.at));
      }),
    ],
  },
  {
    readings: ["memoryUsed", "memoryFree", "memoryReserved"],
    ways: [
      written(struct("nvmlDeviceGetMemoryInfo_v2", MEMORY_V2), (view, readings) => {
        const { members } = MEMORY_V2;
        const total = uint64(view, members.total.at);
        put(readings, USED, part(view, members.used.at, total));
        put(readings, FREE, part(view, members.free.at, total));
        put(readings, RESERVED, part(view, members.reserved.at, total));
      }),
      // Counts what the driver keeps for itself as used, and does not say how much that is.
      written(struct("nvmlDeviceGetMemoryInfo", MEMORY_V1), (view, readings) => {
        const { members } = MEMORY_V1;
        const total = uint64(view, members.total.at);
        put(readings, USED, part(view, members.used.at, total));
        put(readings, FREE, part(view, members.free.at, total));
        putCode(readings, RESERVED, NOT_SUPPORTED);
      }),
    ],
  },
  one(
    "temperature",
    // The sensor is a member of the struct; a zeroed buffer asks for the only one there is.
    [
      struct("nvmlDeviceGetTemperatureV", TEMPERATURE_V1),
      (view) => degrees(view, TEMPERATURE_V1.members.temperature.at),
    ],
    [
      selected("nvmlDeviceGetTemperature", ENUMS.NVML_TEMPERATURE_GPU, UINT32_BYTES),
      (view) => degrees(view, 0),
    ],
  ),
  one("power", [plain("nvmlDeviceGetPowerUsage", UINT32_BYTES), fromMilliwatts]),
  one("smClock", [selected("nvmlDeviceGetClockInfo", ENUMS.NVML_CLOCK_SM, UINT32_BYTES), fromMegahertz]),
  one("memoryClock", [selected("nvmlDeviceGetClockInfo", ENUMS.NVML_CLOCK_MEM, UINT32_BYTES), fromMegahertz]),
  one(
    "clockEventReasons",
    [plain("nvmlDeviceGetCurrentClocksEventReasons", UINT64_BYTES), (view) => uint64(view, 0)],
    [plain("nvmlDeviceGetCurrentClocksThrottleReasons", UINT64_BYTES), (view) => uint64(view, 0)],
  ),
  one("encoderUtilization", [pair("nvmlDeviceGetEncoderUtilization"), (view) => share(view, 0)]),
  one("decoderUtilization", [pair("nvmlDeviceGetDecoderUtilization"), (view) => share(view, 0)]),
];

/** Each slow interval: what changes seldom or costs the driver much. */
export const SLOW_QUESTIONS: readonly Question[] = [
  one("powerLimit", [plain("nvmlDeviceGetEnforcedPowerLimit", UINT32_BYTES), fromMilliwatts]),
  one("videoClock", [
    selected("nvmlDeviceGetClockInfo", ENUMS.NVML_CLOCK_VIDEO, UINT32_BYTES),
    fromMegahertz,
  ]),
  // The driver's own "unknown" lies outside of the range.
  one("performanceState", [
    plain("nvmlDeviceGetPerformanceState", UINT32_BYTES),
    (view) => uint32(view, 0, ENUMS.NVML_PSTATE_15),
  ]),
  one("temperatureMargin", [
    struct("nvmlDeviceGetMarginTemperature", MARGIN_TEMPERATURE_V1),
    (view) => degrees(view, MARGIN_TEMPERATURE_V1.members.marginTemperature.at),
  ]),
  one("jpegUtilization", [pair("nvmlDeviceGetJpgUtilization"), (view) => share(view, 0)]),
  one("ofaUtilization", [pair("nvmlDeviceGetOfaUtilization"), (view) => share(view, 0)]),
  one("sramThresholdExceeded", [
    struct("nvmlDeviceGetSramEccErrorStatus", SRAM_ECC_V1),
    (view) => uint32(view, SRAM_ECC_V1.members.bThresholdExceeded.at, 1),
  ]),
  {
    readings: ["rowRemapBanksFull", "rowRemapBanksLow", "rowRemapBanksNone"],
    ways: [
      written(struct("nvmlDeviceGetRowRemapperHistogram", REMAP_HISTOGRAM), (view, readings) => {
        const { max, low, none } = REMAP_HISTOGRAM.members;
        put(readings, READING_AT.rowRemapBanksFull, uint32(view, max.at, MOST_BANKS));
        put(readings, READING_AT.rowRemapBanksLow, uint32(view, low.at, MOST_BANKS));
        put(readings, READING_AT.rowRemapBanksNone, uint32(view, none.at, MOST_BANKS));
      }),
    ],
  },
  one("pcieGeneration", [
    plain("nvmlDeviceGetCurrPcieLinkGeneration", UINT32_BYTES),
    (view) => positive(view, MOST_GENERATION),
  ]),
  one("pcieWidth", [
    plain("nvmlDeviceGetCurrPcieLinkWidth", UINT32_BYTES),
    (view) => positive(view, MOST_LANES),
  ]),
  {
    readings: ["fabricState", "fabricHealth"],
    ways: [
      written(struct("nvmlDeviceGetGpuFabricInfoV", FABRIC_INFO_V3), (view, readings) => {
        const { state, healthSummary } = FABRIC_INFO_V3.members;
        put(readings, FABRIC_STATE, octet(view, state.at, ENUMS.NVML_GPU_FABRIC_STATE_COMPLETED));
        const most = ENUMS.NVML_GPU_FABRIC_HEALTH_SUMMARY_LIMITED_CAPACITY;
        put(readings, FABRIC_HEALTH, octet(view, healthSummary.at, most));
      }),
      written(struct("nvmlDeviceGetGpuFabricInfoV", FABRIC_INFO_V2), (view, readings) => {
        const { state } = FABRIC_INFO_V2.members;
        put(readings, FABRIC_STATE, octet(view, state.at, ENUMS.NVML_GPU_FABRIC_STATE_COMPLETED));
        putCode(readings, FABRIC_HEALTH, NOT_SUPPORTED);
      }),
    ],
  },
];

/** In the slow group, and only where the driver does not have these as fields. */
export const FALLBACK_QUESTIONS: readonly Question[] = [
  one("energy", [
    plain("nvmlDeviceGetTotalEnergyConsumption", UINT64_BYTES),
    (view) => uint64(view, 0) / 1000,
  ]),
  one("pcieReplays", [
    plain("nvmlDeviceGetPcieReplayCounter", UINT32_BYTES),
    (view) => uint32(view, 0, 0xffffffff),
  ]),
  {
    readings: ["remappedRowsCorrectable", "remappedRowsUncorrectable", "rowRemapPending", "rowRemapFailed"],
    ways: [
      written(
        {
          form: "device-four-out",
          call: "nvmlDeviceGetRemappedRows",
          size: 4 * UINT32_BYTES,
          stamp: null,
        },
        (view, readings) => {
          put(readings, READING_AT.remappedRowsCorrectable, uint32(view, 0, MOST_BANKS));
          put(readings, READING_AT.remappedRowsUncorrectable, uint32(view, 4, MOST_BANKS));
          put(readings, READING_AT.rowRemapPending, uint32(view, 8, 1));
          put(readings, READING_AT.rowRemapFailed, uint32(view, 12, 1));
        },
      ),
    ],
  },
];

/** A question for one reading, by ways and their decoders. */
function one(name: GpuReadingName, ...ways: readonly (readonly [Way, DecodedWay["decode"]])[]): Question {
  return { readings: [name], ways: ways.map(([way, decode]) => ({ ...way, decode })) };
}

function written(way: Way, write: WrittenWay["write"]): WrittenWay {
  return { ...way, write };
}

/** A share of the memory; more than all of it is no answer. */
function part(view: DataView, at: number, total: number): number {
  const size = uint64(view, at);
  return size > total ? Number.NaN : size;
}

function fromMilliwatts(view: DataView): number {
  return uint32(view, 0, MOST_MILLIWATTS) / 1000;
}

function fromMegahertz(view: DataView): number {
  return uint32(view, 0, MOST_MEGAHERTZ) * 1_000_000;
}

function degrees(view: DataView, at: number): number {
  const value = view.getInt32(at, true);
  return value > COLDEST && value < HOTTEST ? value : Number.NaN;
}

/** For what is not there when it is 0, such as lanes of a link. */
function positive(view: DataView, most: number): number {
  const value = uint32(view, 0, most);
  return value === 0 ? Number.NaN : value;
}

function octet(view: DataView, at: number, most: number): number {
  const value = view.getUint8(at);
  return value > most ? Number.NaN : value;
}
