// Our readings beside those of nvidia-smi, of the same second. What moves by itself (power, clocks, utilisation) has
// room to move between the two; what does not has to be the same to the digit.

import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import { readingOf } from "../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample } from "../../shared/model/gpu.ts";
import type { Smi } from "./smi.ts";

interface Comparison {
  readonly reading: GpuReadingName;
  readonly path: string;
  /** Theirs, brought to our unit. */
  readonly scale: number;
  /** How far apart the two may be, in our unit; a counter may only have grown. */
  readonly within: number;
}

const MIB = 1024 * 1024;
const MHZ = 1_000_000;

/** Theirs are rounded to whole MiB, °C, MHz and hundredths of a watt. */
const COMPARISONS: readonly Comparison[] = [
  { reading: "utilization", path: "utilization/gpu_util", scale: 0.01, within: 0.15 },
  { reading: "memoryInterfaceUtilization", path: "utilization/memory_util", scale: 0.01, within: 0.15 },
  { reading: "encoderUtilization", path: "utilization/encoder_util", scale: 0.01, within: 0.05 },
  { reading: "decoderUtilization", path: "utilization/decoder_util", scale: 0.01, within: 0.05 },
  { reading: "jpegUtilization", path: "utilization/jpeg_util", scale: 0.01, within: 0.05 },
  { reading: "ofaUtilization", path: "utilization/ofa_util", scale: 0.01, within: 0.05 },
  { reading: "memoryUsed", path: "fb_memory_usage/used", scale: MIB, within: 2 * MIB },
  { reading: "memoryFree", path: "fb_memory_usage/free", scale: MIB, within: 2 * MIB },
  { reading: "memoryReserved", path: "fb_memory_usage/reserved", scale: MIB, within: MIB },
  { reading: "temperature", path: "temperature/gpu_temp", scale: 1, within: 3 },
  { reading: "memoryTemperature", path: "temperature/memory_temp", scale: 1, within: 3 },
  { reading: "temperatureMargin", path: "temperature/gpu_temp_tlimit", scale: 1, within: 3 },
  { reading: "power", path: "gpu_power_readings/average_power_draw", scale: 1, within: 40 },
  { reading: "powerInstant", path: "gpu_power_readings/instant_power_draw", scale: 1, within: 120 },
  { reading: "powerLimit", path: "gpu_power_readings/current_power_limit", scale: 1, within: 0.01 },
  { reading: "smClock", path: "clocks/sm_clock", scale: MHZ, within: 400 * MHZ },
  { reading: "memoryClock", path: "clocks/mem_clock", scale: MHZ, within: 0 },
  { reading: "videoClock", path: "clocks/video_clock", scale: MHZ, within: 1000 * MHZ },
  { reading: "performanceState", path: "performance_state", scale: 1, within: 0 },
  { reading: "eccVolatileUncorrected", path: "ecc_errors/volatile/dram_uncorrectable", scale: 1, within: 0 },
  {
    reading: "eccAggregateUncorrected",
    path: "ecc_errors/aggregate/dram_uncorrectable",
    scale: 1,
    within: 0,
  },
  { reading: "remappedRowsCorrectable", path: "remapped_rows/remapped_row_corr", scale: 1, within: 0 },
  { reading: "remappedRowsUncorrectable", path: "remapped_rows/remapped_row_unc", scale: 1, within: 0 },
  {
    reading: "rowRemapBanksFull",
    path: "remapped_rows/row_remapper_histogram/row_remapper_histogram_max",
    scale: 1,
    within: 0,
  },
  {
    reading: "rowRemapBanksNone",
    path: "remapped_rows/row_remapper_histogram/row_remapper_histogram_none",
    scale: 1,
    within: 0,
  },
  { reading: "pcieGeneration", path: "pci/pci_gpu_link_info/pcie_gen/current_link_gen", scale: 1, within: 0 },
  { reading: "pcieWidth", path: "pci/pci_gpu_link_info/link_widths/current_link_width", scale: 1, within: 0 },
  { reading: "pcieReplays", path: "pci/replay_counter", scale: 1, within: 2 },
  throttle("throttledPower", "sw_power_cap"),
  throttle("throttledSyncBoost", "sync_boost"),
  throttle("throttledSwThermal", "sw_therm_slowdown"),
  throttle("throttledHwThermal", "hw_therm_slowdown"),
  throttle("throttledHwPowerBrake", "hw_power_brake"),
];

/** Theirs are microseconds. */
function throttle(reading: GpuReadingName, name: string): Comparison {
  return {
    reading,
    path: `clocks_event_reasons_counters/clocks_event_reasons_counters_${name}`,
    scale: 1e-6,
    within: 1.5,
  };
}

export interface Compared {
  readonly reading: GpuReadingName;
  readonly ours: number | string;
  readonly theirs: number | null;
  /** Null when the two agree. */
  readonly complaint: string | null;
}

export function compareReadings(sample: GpuSample, smi: Smi): readonly Compared[] {
  return COMPARISONS.map(({ reading, path, scale, within }) => {
    const ours = readingOf(sample.readings, reading);
    const shown = smi.number(path);
    const theirs = shown === null ? null : shown * scale;
    const own = ours.kind === "value" ? ours.value : `${ours.kind} (${ours.code})`;
    const complaint = (): string | null => {
      if (theirs === null) return null;
      if (typeof own === "string") return `${reading}: ours is ${own}, theirs ${theirs}`;
      const apart = Math.abs(own - theirs);
      return apart <= within * 1.0001 ? null : `${reading}: ours ${own}, theirs ${theirs}, ${apart} apart`;
    };
    return { reading, ours: own, theirs, complaint: complaint() };
  });
}

/** Who it is has to be the same to the letter. */
export function compareIdentity(identity: GpuIdentity, smi: Smi): readonly string[] {
  const { details } = identity;
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ["uuid", identity.uuid, smi.text("uuid")],
    ["name", shown(identity.name), smi.text("product_name")],
    [
      "bus id",
      shown(identity.busId),
      smi
        .text("pci/pci_bus_id")
        ?.toLowerCase()
        .replace(/^0000(?=....:)/, ""),
    ],
    ["serial", shown(details.serial), smi.text("serial")],
    ["VBIOS", shown(details.vbios), smi.text("vbios_version")],
    ["part number", shown(details.partNumber), smi.text("board_part_number")],
    ["minor number", shown(details.minor), smi.number("minor_number")],
    [
      "default power limit",
      shown(details.powerLimitDefault),
      smi.number("gpu_power_readings/default_power_limit"),
    ],
    ["largest power limit", shown(details.powerLimitMax), smi.number("gpu_power_readings/max_power_limit")],
    ["highest SM clock", shown(details.smClockMax), times(smi.number("max_clocks/sm_clock"), MHZ)],
    ["highest memory clock", shown(details.memoryClockMax), times(smi.number("max_clocks/mem_clock"), MHZ)],
    [
      "largest PCIe generation",
      shown(details.pcieGenerationMax),
      smi.number("pci/pci_gpu_link_info/pcie_gen/max_link_gen"),
    ],
    [
      "largest PCIe width",
      shown(details.pcieWidthMax),
      smi.number("pci/pci_gpu_link_info/link_widths/max_link_width"),
    ],
    [
      "memory in MiB",
      identity.memoryTotalBytes.kind === "value" ? Math.floor(identity.memoryTotalBytes.value / MIB) : null,
      smi.number("fb_memory_usage/total"),
    ],
    ["ECC", shown(details.eccEnabled), smi.text("ecc_mode/current_ecc") === "Enabled"],
    ["MIG", identity.mig.kind === "on", smi.text("mig_mode/current_mig") === "Enabled"],
  ];
  return (
    rows
      .filter(([, ours, theirs]) => theirs !== null && ours !== theirs)
      // Serial and UUID are nobody's business outside of the machine: the report goes into the repository.
      .map(([what, ours, theirs]) =>
        what === "uuid" || what === "serial"
          ? `${what} differs`
          : `${what}: ours ${String(ours)}, theirs ${String(theirs)}`,
      )
  );
}

function shown(reading: {
  readonly kind: string;
  readonly value?: unknown;
  readonly code?: number;
}): unknown {
  return reading.kind === "value" ? reading.value : `${reading.kind} (${reading.code ?? "?"})`;
}

function times(value: number | null, by: number): number | null {
  return value === null ? null : value * by;
}
