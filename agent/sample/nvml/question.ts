// What a question to the driver consists of: the calls that can answer it in order of preference, their buffers, and
// how an answer is read. Types and makers only; the questions themselves are in readings.ts (each cycle) and
// identity.ts (once).

import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import { NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { CallOf } from "./calls.ts";
import { NOT_AVAILABLE_32 } from "./constants.ts";
import type { StructLayout } from "./layout.ts";
import { textOf } from "./native.ts";
import type { Block } from "./native.ts";

/** A call and its buffer. Several out parameters lie one after the other in it, as words of 32 bits. */
export type Way = (
  | { readonly form: "device-out"; readonly call: CallOf<"device-out"> }
  | { readonly form: "device-out-out"; readonly call: CallOf<"device-out-out"> }
  | { readonly form: "device-four-out"; readonly call: CallOf<"device-four-out"> }
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
};

/** A way to ask for one reading: its number, NaN when the answer carries none that can be true. */
export type DecodedWay = Way & { readonly decode: (view: DataView) => number };

/** A way to ask for several. */
export type WrittenWay = Way & {
  /** Writes each of the question's readings: a value that was checked for range, or a code. */
  readonly write: (view: DataView, readings: GpuReadings) => void;
};

/** Readings that one call answers, with the ways to ask for them, newest first. */
export type Question =
  | { readonly readings: readonly [GpuReadingName]; readonly ways: readonly DecodedWay[] }
  | { readonly readings: readonly GpuReadingName[]; readonly ways: readonly WrittenWay[] };

/** The ways to ask for one fact, newest first; undefined for an answer that carries none. */
export type Ask<T> = readonly (Way & { readonly decode: (block: Block) => T | undefined })[];

export function struct(call: CallOf<"device-out">, layout: StructLayout): Way {
  return { form: "device-out", call, size: layout.size, stamp: layout.stamp ?? null };
}

/** Out parameters without a struct, `size` bytes in all. */
export function plain(call: CallOf<"device-out">, size: number): Way {
  return { form: "device-out", call, size, stamp: null };
}

export function selected(call: CallOf<"device-selector-out">, selector: number, size: number): Way {
  return { form: "device-selector-out", call, selector, size, stamp: null };
}

export function pair(call: CallOf<"device-out-out">): Way {
  return { form: "device-out-out", call, size: 8, stamp: null };
}

export function text(
  call: CallOf<"device-text">,
  size: number,
): Way & { readonly decode: (block: Block) => string | undefined } {
  return {
    form: "device-text",
    call,
    size,
    stamp: null,
    decode: (block) => textOf(block.bytes.subarray(0, size)) || undefined,
  };
}

/** NaN, which is how decoders say "no number", becomes NO_DATA. */
export function put(readings: GpuReadings, slot: number, value: number): void {
  readings.values[slot] = value;
  readings.codes[slot] = Number.isNaN(value) ? NO_DATA : SUCCESS;
}

export function putCode(readings: GpuReadings, slot: number, code: number): void {
  readings.values[slot] = Number.NaN;
  readings.codes[slot] = code;
}

/** A number of 32 bits; NaN when the driver says "not available" or when it is above what can be. */
export function uint32(view: DataView, at: number, most: number): number {
  const value = view.getUint32(at, true);
  return value === NOT_AVAILABLE_32 || value > most ? Number.NaN : value;
}

/**
 * A size or a mask of 64 bits. All ones is "not available", and past 2^53 there is no memory that it could describe and
 * no bit that we could name: NaN.
 */
export function uint64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high >= 0x200000 ? Number.NaN : high * 0x100000000 + view.getUint32(at, true);
}

/** Per cent as a share. Drivers say 101 at times, which is cut; "not available" is NaN. */
export function share(view: DataView, at: number): number {
  const percent = view.getUint32(at, true);
  if (percent === NOT_AVAILABLE_32) return Number.NaN;
  return percent >= 100 ? 1 : percent / 100;
}
