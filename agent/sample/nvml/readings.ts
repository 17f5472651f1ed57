// How each reading is asked of the driver and what its answer means: the calls in order of preference, the
// buffer, the decoder. A decoder returns undefined for an answer that carries no number, which is how the
// driver says "not available" inside a success; whatever it returns has been checked for range.

import { bytes, celsius, ratioFromPercent, watts } from "../../../shared/model/units.ts";
import type { Bytes, Celsius, Ratio, Watts } from "../../../shared/model/units.ts";
import type { CallOf } from "./calls.ts";
import {
  MEMORY_V1,
  MEMORY_V2,
  NOT_AVAILABLE_32,
  PCI_INFO,
  SENSOR_GPU,
  TEMPERATURE_V1,
  TEXT_BYTES,
  UINT32,
  UTILIZATION,
} from "./layout.ts";
import type { StructLayout } from "./layout.ts";
import { textOf } from "./native.ts";
import type { Block } from "./native.ts";

/** One way to ask: a call, its buffer and how to read the answer. */
export type Way<T> = (
  | { readonly form: "device-out"; readonly call: CallOf<"device-out"> }
  | { readonly form: "device-text"; readonly call: CallOf<"device-text"> }
  | {
      readonly form: "device-selector-out";
      readonly call: CallOf<"device-selector-out">;
      readonly selector: number;
    }
) & {
  readonly size: number;
  /** Written into the first word before each call, where the struct is versioned. */
  readonly stamp: number | null;
  readonly decode: (block: Block) => T | undefined;
};

/** The ways to ask for one reading, newest first. */
export type Question<T> = readonly Way<T>[];

export const UTILIZATION_GPU: Question<Ratio> = [
  fromStruct("nvmlDeviceGetUtilizationRates", UTILIZATION, ({ view }) => {
    const percent = view.getUint32(UTILIZATION.offsets.gpu, true);
    return percent === NOT_AVAILABLE_32 ? undefined : ratioFromPercent(percent);
  }),
];

export const MEMORY_USED: Question<Bytes> = [
  fromStruct("nvmlDeviceGetMemoryInfo_v2", MEMORY_V2, ({ view }) => size(view, MEMORY_V2.offsets.used)),
  fromStruct("nvmlDeviceGetMemoryInfo", MEMORY_V1, ({ view }) => size(view, MEMORY_V1.offsets.used)),
];

export const MEMORY_TOTAL: Question<Bytes> = [
  fromStruct("nvmlDeviceGetMemoryInfo_v2", MEMORY_V2, ({ view }) => size(view, MEMORY_V2.offsets.total)),
  fromStruct("nvmlDeviceGetMemoryInfo", MEMORY_V1, ({ view }) => size(view, MEMORY_V1.offsets.total)),
];

export const TEMPERATURE: Question<Celsius> = [
  // The sensor is a member of the struct; a zeroed buffer asks for the only one there is.
  fromStruct("nvmlDeviceGetTemperatureV", TEMPERATURE_V1, ({ view }) =>
    degrees(view.getInt32(TEMPERATURE_V1.offsets.celsius, true)),
  ),
  {
    form: "device-selector-out",
    call: "nvmlDeviceGetTemperature",
    selector: SENSOR_GPU,
    size: UINT32.size,
    stamp: null,
    decode: ({ view }) => degrees(view.getInt32(UINT32.offsets.value, true)),
  },
];

export const POWER: Question<Watts> = [
  fromStruct("nvmlDeviceGetPowerUsage", UINT32, ({ view }) => {
    const milliwatts = view.getUint32(UINT32.offsets.value, true);
    return milliwatts === NOT_AVAILABLE_32 ? undefined : watts(milliwatts / 1000);
  }),
];

export const UUID: Question<string> = [fromText("nvmlDeviceGetUUID", TEXT_BYTES.uuid)];

export const NAME: Question<string> = [fromText("nvmlDeviceGetName", TEXT_BYTES.name)];

export const BUS_ID: Question<string> = [
  fromStruct("nvmlDeviceGetPciInfo_v3", PCI_INFO, (block) => {
    const at = PCI_INFO.offsets.busId;
    return normalBusId(textOf(block.bytes.subarray(at, at + TEXT_BYTES.busId)));
  }),
];

/** The driver writes 00000000:3B:00.0; the kernel log and sysfs write 0000:3b:00.0. */
export function normalBusId(text: string): string | undefined {
  const parts = /^(?<domain>[0-9a-f]{4,8}):(?<rest>[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/iu.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const domain = Number.parseInt(parts["domain"] ?? "", 16)
    .toString(16)
    .padStart(4, "0");
  return `${domain}:${parts["rest"]?.toLowerCase()}`;
}

function fromStruct<T>(
  call: CallOf<"device-out">,
  layout: StructLayout,
  decode: (block: Block) => T | undefined,
): Way<T> {
  return { form: "device-out", call, size: layout.size, stamp: layout.stamp ?? null, decode };
}

function fromText(call: CallOf<"device-text">, size: number): Way<string> {
  return {
    form: "device-text",
    call,
    size,
    stamp: null,
    decode: (block) => textOf(block.bytes) || undefined,
  };
}

/** A 64-bit size: all ones is "not available", and past 2^53 no memory exists that it could describe. */
function size(view: DataView, at: number): Bytes | undefined {
  const high = view.getUint32(at + 4, true);
  if (high >= 0x200000) return undefined;
  return bytes(high * 0x100000000 + view.getUint32(at, true));
}

/** Outside of this range a number is not the temperature of anything that still computes. */
function degrees(value: number): Celsius | undefined {
  return value > -273 && value < 1000 ? celsius(value) : undefined;
}
