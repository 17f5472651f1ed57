// The readings that drivers have as fields, by name: the ids under which headers of different branches list them, how
// the number becomes our unit, and what it may be at most. Which id a driver really answers is found out in fields.ts.

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import { FIELD_IDS, VALUE_TYPES } from "./constants.ts";

/**
 * `links`: one entry for each NVLink, by number. `all-links`: one entry with the scope that stands for all of them.
 * A number is the scope itself.
 */
export type FieldScope = number | "links" | "all-links";

export interface FieldCandidate {
  readonly id: number;
  readonly scope: FieldScope;
  /** For ids that were renumbered together: those of one group are taken from the same numbering. */
  readonly numbering?: Numbering;
}

export type Numbering = "early" | "late";

export interface FieldRow {
  readonly name: GpuReadingName;
  readonly group: "fast" | "slow";
  /** In order of preference. */
  readonly candidates: readonly FieldCandidate[];
  /** How much of the driver's unit is one of ours. Divided by, since a thousandth is no exact number and 1000 is. */
  readonly per: number;
  /** In the driver's unit; above it the answer is no number. */
  readonly most: number;
  /** Value types that may stand for it, a bit for each. */
  readonly types: number;
  /**
   * `sum` adds what the links say. `active` counts the links whose state is 1. `as-u32` reads 32 bits whatever type is
   * announced. `wrapping` makes one growing counter of a 32-bit one that wraps.
   */
  readonly reading?: "sum" | "active" | "as-u32" | "wrapping";
  /** A 0 means that the card has no such thing. */
  readonly zeroIsAbsent?: true;
}

const COUNT = 2 ** 53;
const MILLI = 1_000;
const NANO = 1_000_000_000;
const KIB = 1024;
/** Ten years. */
const MOST_NANOSECONDS = 315_360_000 * 1_000_000_000;
const HOTTEST_MEMORY = 200;
const MOST_MILLIWATTS = 100_000_000;

const ANY_TYPE = 0x7f;
const U64 = 1 << VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
const U32_OR_U64 = (1 << VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_INT) | U64;
const ID = FIELD_IDS;

export const FIELD_TABLE: readonly FieldRow[] = [
  {
    ...field("fast", "memoryTemperature", ID.NVML_FI_DEV_MEMORY_TEMP, HOTTEST_MEMORY),
    // Branch 545 announces a double and fills the 32-bit member.
    reading: "as-u32",
    zeroIsAbsent: true,
  },
  field("fast", "powerInstant", ID.NVML_FI_DEV_POWER_INSTANT, MOST_MILLIWATTS, MILLI),
  field("fast", "recoveryAction", ID.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, 100),
  { ...field("fast", "pcieTx", ID.NVML_FI_DEV_PCIE_COUNT_TX_BYTES), types: U32_OR_U64, reading: "wrapping" },
  { ...field("fast", "pcieRx", ID.NVML_FI_DEV_PCIE_COUNT_RX_BYTES), types: U32_OR_U64, reading: "wrapping" },

  // Costs 3 ms on an H100, and its difference is exact over any span: slow.
  field("slow", "energy", ID.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, COUNT, MILLI),
  throttled("throttledPower", ID.NVML_FI_DEV_PERF_POLICY_POWER),
  throttled("throttledThermal", ID.NVML_FI_DEV_PERF_POLICY_THERMAL),
  throttled("throttledSyncBoost", ID.NVML_FI_DEV_PERF_POLICY_SYNC_BOOST),
  throttled("throttledBoardLimit", ID.NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT),
  throttled("throttledLowUtilization", ID.NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION),
  throttled("throttledReliability", ID.NVML_FI_DEV_PERF_POLICY_RELIABILITY),
  renumbered(
    "throttledSwThermal",
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_R575,
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
  ),
  renumbered(
    "throttledHwThermal",
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_R575,
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
  ),
  renumbered(
    "throttledHwPowerBrake",
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_R575,
    ID.NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
  ),
  field("slow", "eccVolatileCorrected", ID.NVML_FI_DEV_ECC_SBE_VOL_TOTAL),
  field("slow", "eccVolatileUncorrected", ID.NVML_FI_DEV_ECC_DBE_VOL_TOTAL),
  field("slow", "eccAggregateCorrected", ID.NVML_FI_DEV_ECC_SBE_AGG_TOTAL),
  field("slow", "eccAggregateUncorrected", ID.NVML_FI_DEV_ECC_DBE_AGG_TOTAL),
  field("slow", "retiredPagesSingleBit", ID.NVML_FI_DEV_RETIRED_SBE),
  field("slow", "retiredPagesDoubleBit", ID.NVML_FI_DEV_RETIRED_DBE),
  field("slow", "retiredPagesPending", ID.NVML_FI_DEV_RETIRED_PENDING, 1),
  field("slow", "remappedRowsCorrectable", ID.NVML_FI_DEV_REMAPPED_COR),
  field("slow", "remappedRowsUncorrectable", ID.NVML_FI_DEV_REMAPPED_UNC),
  field("slow", "rowRemapPending", ID.NVML_FI_DEV_REMAPPED_PENDING, 1),
  field("slow", "rowRemapFailed", ID.NVML_FI_DEV_REMAPPED_FAILURE, 1),
  field("slow", "pcieReplays", ID.NVML_FI_DEV_PCIE_REPLAY_COUNTER),
  field("slow", "pcieCorrectableErrors", ID.NVML_FI_DEV_PCIE_COUNT_CORRECTABLE_ERRORS),
  field("slow", "pcieNonFatalErrors", ID.NVML_FI_DEV_PCIE_COUNT_NON_FATAL_ERROR),
  field("slow", "pcieFatalErrors", ID.NVML_FI_DEV_PCIE_COUNT_FATAL_ERROR),
  // Before all that have an entry for each link, which need its answer.
  field("slow", "nvlinks", ID.NVML_FI_DEV_NVLINK_LINK_COUNT, 256),
  {
    ...field("slow", "nvlinksActive", ID.NVML_FI_DEV_NVLINK_GET_STATE),
    candidates: [{ id: ID.NVML_FI_DEV_NVLINK_GET_STATE, scope: "links" }],
    reading: "active",
  },
  nvlinkBytes("nvlinkTx", ID.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, ID.NVML_FI_DEV_NVLINK_COUNT_XMIT_BYTES),
  nvlinkBytes("nvlinkRx", ID.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, ID.NVML_FI_DEV_NVLINK_COUNT_RCV_BYTES),
  field("slow", "nvlinkCrcFlitErrors", ID.NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL),
  field("slow", "nvlinkCrcDataErrors", ID.NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL),
  field("slow", "nvlinkReplays", ID.NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL),
  field("slow", "nvlinkRecoveries", ID.NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL),
];

function field(group: FieldRow["group"], name: GpuReadingName, id: number, most = COUNT, per = 1): FieldRow {
  return { name, group, candidates: [{ id, scope: 0 }], per, most, types: ANY_TYPE };
}

/** The header says nanoseconds; the number agrees with nvidia-smi's microseconds on an H100 with driver 580.159. */
function throttled(name: GpuReadingName, id: number): FieldRow {
  return field("slow", name, id, MOST_NANOSECONDS, NANO);
}

/**
 * Under the other id stands a setting of power smoothing, of another type, or nothing. Builds of one branch differ: by
 * the vendor's own bindings 580.65 has 251 and 580.82 has 269, which an H100 with driver 580.159 answers.
 */
function renumbered(name: GpuReadingName, early: number, late: number): FieldRow {
  return {
    ...throttled(name, late),
    candidates: [
      { id: early, scope: 0, numbering: "early" },
      { id: late, scope: 0, numbering: "late" },
    ],
    types: U64,
  };
}

/** Up to NVLink 4 one counter in KiB for all links together; from NVLink 5 on one in bytes for each link. */
function nvlinkBytes(name: GpuReadingName, kib: number, perLink: number): FieldRow {
  return {
    ...field("slow", name, kib, COUNT, 1),
    candidates: [
      { id: kib, scope: "all-links" },
      { id: perLink, scope: "links" },
    ],
    reading: "sum",
  };
}

/** What the driver's number is multiplied by, where the candidates of a row differ in their unit. */
export function timesOf(candidate: FieldCandidate): number {
  return candidate.scope === "all-links" ? KIB : 1;
}
