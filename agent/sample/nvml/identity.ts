// Who a GPU is: what is asked of it once in a generation. Each fact stands for itself, so a card that does not know its
// serial number still tells its name.

import { kindOf } from "../../../shared/model/gpu-readings.ts";
import type { Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuDetails, GpuIdentity, GpuUuid } from "../../../shared/model/gpu.ts";
import { NOT_ASKED } from "../../../shared/model/nvml-status.ts";
import { bytes, celsius, hertz, watts } from "../../../shared/model/units.ts";
import type { Bytes, Celsius, Hertz, Watts } from "../../../shared/model/units.ts";
import type { CallOf } from "./calls.ts";
import { ENUMS, TEXT_SIZES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { MEMORY_V1, MEMORY_V2, PCI_INFO, UINT32_BYTES } from "./layout.ts";
import { textOf } from "./native.ts";
import type { Address } from "./native.ts";
import { pair, plain, selected, struct, text, uint32, uint64 } from "./question.ts";
import type { Ask } from "./question.ts";
import { askOnce } from "./reader.ts";

const MOST = 0xfffffffe;
const MOST_MILLIWATTS = 100_000_000;
const MOST_MEGAHERTZ = 100_000;
const HOTTEST = 1_000;
const MOST_GENERATION = 15;
const MOST_LANES = 64;

export const UUID: Ask<string> = [text("nvmlDeviceGetUUID", TEXT_SIZES.NVML_DEVICE_UUID_V2_BUFFER_SIZE)];
const NAME: Ask<string> = [text("nvmlDeviceGetName", TEXT_SIZES.NVML_DEVICE_NAME_V2_BUFFER_SIZE)];
const SERIAL: Ask<string> = [text("nvmlDeviceGetSerial", TEXT_SIZES.NVML_DEVICE_SERIAL_BUFFER_SIZE)];
const VBIOS: Ask<string> = [
  text("nvmlDeviceGetVbiosVersion", TEXT_SIZES.NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE),
];
const PART_NUMBER: Ask<string> = [
  text("nvmlDeviceGetBoardPartNumber", TEXT_SIZES.NVML_DEVICE_PART_NUMBER_BUFFER_SIZE),
];

const BUS_ID: Ask<string> = [
  {
    ...struct("nvmlDeviceGetPciInfo_v3", PCI_INFO),
    decode: (block) => {
      const { at } = PCI_INFO.members.busId;
      const end = at + TEXT_SIZES.NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE;
      return normalBusId(textOf(block.bytes.subarray(at, end)));
    },
  },
];

const MEMORY_TOTAL: Ask<Bytes> = [
  {
    ...struct("nvmlDeviceGetMemoryInfo_v2", MEMORY_V2),
    decode: ({ view }) => known(uint64(view, MEMORY_V2.members.total.at), bytes),
  },
  {
    ...struct("nvmlDeviceGetMemoryInfo", MEMORY_V1),
    decode: ({ view }) => known(uint64(view, MEMORY_V1.members.total.at), bytes),
  },
];

/** Everything but who else shares the card: MIG, and whether there are counters, are found out by their own files. */
export function identify(
  driver: Driver,
  index: number,
  device: Address,
  uuid: Reading<string>,
): Omit<GpuIdentity, "mig"> {
  return {
    index,
    uuid: uuid.kind === "value" ? uuid.value : placeholder(index),
    name: askOnce(driver, NAME, index, device),
    busId: askOnce(driver, BUS_ID, index, device),
    memoryTotalBytes: askOnce(driver, MEMORY_TOTAL, index, device),
    details: detailsOf(driver, index, device),
  };
}

function detailsOf(driver: Driver, index: number, device: Address): GpuDetails {
  const once = <T>(ways: Ask<T>) => askOnce(driver, ways, index, device);
  return {
    minor: once(number("nvmlDeviceGetMinorNumber")),
    serial: once(SERIAL),
    vbios: once(VBIOS),
    partNumber: once(PART_NUMBER),
    architecture: once(number("nvmlDeviceGetArchitecture")),
    virtualization: once(number("nvmlDeviceGetVirtualizationMode")),
    numaNode: once(number("nvmlDeviceGetNumaNodeId")),
    powerLimitDefault: once([
      {
        ...plain("nvmlDeviceGetPowerManagementDefaultLimit", UINT32_BYTES),
        decode: ({ view }) => milliwatts(view, 0),
      },
    ]),
    powerLimitMax: once([
      // The lowest limit comes first.
      {
        ...pair("nvmlDeviceGetPowerManagementLimitConstraints"),
        decode: ({ view }) => milliwatts(view, UINT32_BYTES),
      },
    ]),
    smClockMax: once(clock(ENUMS.NVML_CLOCK_SM)),
    memoryClockMax: once(clock(ENUMS.NVML_CLOCK_MEM)),
    pcieGenerationMax: once(number("nvmlDeviceGetMaxPcieLinkGeneration", 1, MOST_GENERATION)),
    pcieWidthMax: once(number("nvmlDeviceGetMaxPcieLinkWidth", 1, MOST_LANES)),
    slowdownTemperature: once(threshold(ENUMS.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN)),
    shutdownTemperature: once(threshold(ENUMS.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN)),
    memoryTemperatureMax: once(threshold(ENUMS.NVML_TEMPERATURE_THRESHOLD_MEM_MAX)),
    eccEnabled: once([
      {
        ...pair("nvmlDeviceGetEccMode"),
        decode: ({ view }) => known(uint32(view, 0, 1), (mode) => mode === ENUMS.NVML_FEATURE_ENABLED),
      },
    ]),
    gpm: { kind: "pending", code: NOT_ASKED },
  };
}

/** For a GPU that could never be asked who it is; its place in the enumeration is all that is known. */
export function unidentified(index: number, code: number): GpuIdentity {
  const failed = { kind: "failed", code } as const;
  return {
    index,
    uuid: placeholder(index),
    name: failed,
    busId: failed,
    memoryTotalBytes: failed,
    details: unknownDetails(code),
    mig: { kind: "failed", code },
  };
}

export function isIdentified({ uuid }: GpuIdentity): boolean {
  return !uuid.startsWith(PLACEHOLDER);
}

function unknownDetails(code: number): GpuDetails {
  const unknown = { kind: kindOf(code), code };
  return {
    minor: unknown,
    serial: unknown,
    vbios: unknown,
    partNumber: unknown,
    architecture: unknown,
    virtualization: unknown,
    numaNode: unknown,
    powerLimitDefault: unknown,
    powerLimitMax: unknown,
    smClockMax: unknown,
    memoryClockMax: unknown,
    pcieGenerationMax: unknown,
    pcieWidthMax: unknown,
    slowdownTemperature: unknown,
    shutdownTemperature: unknown,
    memoryTemperatureMax: unknown,
    eccEnabled: unknown,
    gpm: unknown,
  };
}

/** The driver writes 00000000:3B:00.0; the kernel log and sysfs write 0000:3b:00.0. */
export function normalBusId(from: string): string | undefined {
  const parts = /^(?<domain>[0-9a-f]{4,8}):(?<rest>[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/iu.exec(from)?.groups;
  if (parts === undefined) return undefined;
  const domain = Number.parseInt(parts["domain"] ?? "", 16)
    .toString(16)
    .padStart(4, "0");
  return `${domain}:${parts["rest"]?.toLowerCase()}`;
}

const PLACEHOLDER = "unidentified-gpu-";

function placeholder(index: number): GpuUuid {
  return `${PLACEHOLDER}${index}`;
}

/** `of` the number, which is NaN when there is none. */
function known<T>(value: number, of: (value: number) => T): T | undefined {
  return Number.isNaN(value) ? undefined : of(value);
}

function number(call: CallOf<"device-out">, least = 0, most = MOST): Ask<number> {
  return [
    {
      ...plain(call, UINT32_BYTES),
      decode: ({ view }) => {
        const value = uint32(view, 0, most);
        return value >= least ? value : undefined;
      },
    },
  ];
}

function clock(type: number): Ask<Hertz> {
  return [
    {
      ...selected("nvmlDeviceGetMaxClockInfo", type, UINT32_BYTES),
      decode: ({ view }) => known(uint32(view, 0, MOST_MEGAHERTZ), (value) => hertz(value * 1_000_000)),
    },
  ];
}

function threshold(which: number): Ask<Celsius> {
  return [
    {
      ...selected("nvmlDeviceGetTemperatureThreshold", which, UINT32_BYTES),
      // A threshold of 0 degrees is one that is not set.
      decode: ({ view }) => {
        const value = uint32(view, 0, HOTTEST);
        return value > 0 ? celsius(value) : undefined;
      },
    },
  ];
}

function milliwatts(view: DataView, at: number): Watts | undefined {
  return known(uint32(view, at, MOST_MILLIWATTS), (value) => watts(value / 1000));
}
