// Readings as people write them: 79.7 GiB, 1,980 MHz, 99 %; and the words of a detail for what is no number, with the
// driver's own name for the code.

import { GPU_READINGS } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName, ReadingUnit } from "../../shared/model/gpu-readings.ts";
import type { GpuDetails } from "../../shared/model/gpu.ts";
import { nameOf } from "../../shared/model/nvml-status.ts";

/** A number, or the words of a NodeDetail: `unsupported (3)`. */
export function readingText(name: string, told: number | string | undefined): string {
  if (told === undefined) return "";
  if (typeof told === "string") return reasonText(told);
  if (name === "clockEventReasons") return `0x${told.toString(16)}`;
  return isReadingName(name) ? unitText(told, GPU_READINGS[name].unit) : String(told);
}

/** Of `GpuDetails`, which have no table of units. */
const FACT_UNITS: Readonly<Partial<Record<string, ReadingUnit>>> = {
  powerLimitDefault: "watts",
  powerLimitMax: "watts",
  smClockMax: "hertz",
  memoryClockMax: "hertz",
  slowdownTemperature: "celsius",
  shutdownTemperature: "celsius",
  memoryTemperatureMax: "celsius",
} satisfies Partial<Record<keyof GpuDetails, ReadingUnit>>;

/** One fact of a NodeDetail's `details`. A text may be a serial number as well as a reason. */
export function factText(name: string, fact: number | string | boolean | undefined): string {
  if (typeof fact === "boolean") return fact ? "yes" : "no";
  if (typeof fact === "string") return reasonText(fact);
  return fact === undefined ? "" : unitText(fact, FACT_UNITS[name] ?? "number");
}

export function bytesText(told: number | string): string {
  return typeof told === "string" ? reasonText(told) : unitText(told, "bytes");
}

/** `unsupported (3)` → `unsupported: NOT_SUPPORTED (3)` */
export function reasonText(words: string): string {
  return words.replace(/^(unsupported|failed) \((-?\d+)\)$/, (_, kind: string, code: string) => {
    return `${kind}: ${nameOf(Number(code))}`;
  });
}

function unitText(value: number, unit: ReadingUnit): string {
  switch (unit) {
    case "ratio":
      return `${digits(value * 100, 1)} %`;
    case "bytes":
      return bytes(value);
    case "bytes/s":
      return `${bytes(value)}/s`;
    case "celsius":
      return `${digits(value, 1)} °C`;
    case "watts":
      return `${digits(value, 1)} W`;
    case "joules":
      return `${digits(value, 0)} J`;
    case "hertz":
      return `${digits(value / 1e6, 0)} MHz`;
    case "seconds":
      return `${digits(value, 3)} s`;
    case "number":
      return digits(value, 3);
  }
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(value: number): string {
  const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${digits(value / 1024 ** power, power === 0 ? 0 : 1)} ${SIZES[power]}`;
}

function digits(value: number, fraction: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: fraction });
}

function isReadingName(name: string): name is GpuReadingName {
  return Object.hasOwn(GPU_READINGS, name);
}
